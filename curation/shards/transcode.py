"""Encoding clips anew while they are packed, small and with many keyframes, so that training reads them fast."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.video.stream import VideoStream

from curation.errors import ItemError
from curation.video.displayed_frame import Orientation, displayed_array
from curation.video.encoding import Encoder, write_mp4
from curation.video.probe import probe
from curation.video.reader import decode_frames, open_video, reason

Codec = Literal["h264", "hevc"]
Picture = tuple[int, npt.NDArray[np.uint8]]
TimedFrame = tuple[Fraction, av.VideoFrame]

ENCODERS: dict[Codec, Encoder] = {"h264": "libx264", "hevc": "libx265"}
DEFAULT_CRF: dict[Codec, int] = {"h264": 20, "hevc": 22}
# Containers round time stamps to their unit: a frame that comes this much late is in time, and 30000/1001 is 30.
_TOLERANCE_S = Fraction(1, 1000)
_SAME_RATE = 1.01


@dataclass(frozen=True)
class Transcode:
    """What packed clips are to be like. ``short_side`` in pixels and ``fps`` are upper bounds: nothing is enlarged, and
    no frame is made up. ``gop``: frames from one keyframe to the next; ``crf``: quality, smaller is better (None:
    `DEFAULT_CRF`)."""

    short_side: int | None = None
    fps: float | None = None
    codec: Codec = "h264"
    gop: int = 12
    crf: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """For the manifest."""
        return {**asdict(self), "crf": self.quality}

    @property
    def quality(self) -> int:
        """``crf``, or the default of the codec."""
        return DEFAULT_CRF[self.codec] if self.crf is None else self.crf

    def options(self) -> dict[str, str]:
        """Options of the encoder. One thread and no macroblock trees: they make bytes vary, and x265's write beyond the
        memory of pictures with less than 64 pixels a side."""
        keyframes = f"keyint={self.gop}:min-keyint={self.gop}:scenecut=0"
        if self.codec == "h264":
            return {"crf": str(self.quality), "preset": "veryfast", "mbtree": "0", "x264-params": keyframes}
        one_thread = "pools=none:frame-threads=1:wpp=0:log-level=error"
        return {
            "crf": str(self.quality),
            "preset": "veryfast",
            "x265-params": f"{keyframes}:open-gop=0:cutree=0:{one_thread}",
        }


@dataclass(frozen=True)
class PackedMedia:
    """What a transcoded clip is like. It has no sound."""

    width: int
    height: int
    fps: float
    num_frames: int


def transcode(path: Path, wanted: Transcode) -> tuple[bytes, PackedMedia]:
    """A clip as a new mp4 file: upright, square pixels, BT.709, each frame at the time at which the clip shows it.

    A clip with more than ``wanted.fps`` frames per second gets exactly that many, evenly spaced: at each of these times
    the frame that the clip shows then.

    Raises:
        ItemError: the clip cannot be decoded, or not be encoded.
    """
    info = probe(path)
    rate = Fraction(info.fps).limit_denominator(100_000)
    time_base = info.time_base
    resample = wanted.fps is not None and info.fps > wanted.fps * _SAME_RATE
    if resample:
        rate = Fraction(wanted.fps or 0).limit_denominator(1001)
        time_base = 1 / rate
    count = 0

    def pictures() -> Iterator[Picture]:
        nonlocal count
        with open_video(path) as (container, stream):
            frames = _timed(container, stream)
            orientation: Orientation | None = None
            for pts, frame in _at_rate(frames, time_base, 1 / info.fps) if resample else _as_shown(frames, time_base):
                orientation = orientation or Orientation.of(frame)
                count += 1
                yield (
                    pts,
                    displayed_array(
                        frame,
                        short_side=wanted.short_side,
                        sample_aspect_ratio=stream.sample_aspect_ratio,
                        orientation=orientation,
                        multiple=2,
                    ),
                )

    shown = pictures()
    first = next(shown, None)
    if first is None:
        raise ItemError("no frame of the clip can be decoded")
    height, width, _ = first[1].shape
    target = io.BytesIO()
    try:
        write_mp4(
            target,
            chain([first], shown),
            (width, height),
            time_base=time_base,
            rate=rate,
            gop=wanted.gop,
            encoder=ENCODERS[wanted.codec],
            options=wanted.options(),
        )
    except (av.FFmpegError, ValueError) as error:
        raise ItemError(f"cannot encode it as {wanted.codec}: {reason(error)}") from error
    return target.getvalue(), PackedMedia(width, height, float(rate) if resample else info.fps, count)


def _timed(container: InputContainer, stream: VideoStream) -> Iterator[TimedFrame]:
    """Frames with the seconds since the first one."""
    first: int | None = None
    for frame in decode_frames(container, stream):
        assert frame.pts is not None
        assert frame.time_base is not None
        first = frame.pts if first is None else first
        yield (frame.pts - first) * frame.time_base, frame


def _as_shown(frames: Iterator[TimedFrame], time_base: Fraction) -> Iterator[tuple[int, av.VideoFrame]]:
    for seconds, frame in frames:
        yield round(seconds / time_base), frame


def _at_rate(
    frames: Iterator[TimedFrame], period: Fraction, last_stays_s: float
) -> Iterator[tuple[int, av.VideoFrame]]:
    """At every multiple of ``period`` the frame that is shown then."""
    number, shown, end = 0, None, Fraction(0)
    for seconds, frame in frames:
        while shown is not None and number * period < seconds - _TOLERANCE_S:
            yield number, shown
            number += 1
        shown, end = frame, seconds + Fraction(last_stays_s)
    while shown is not None and number * period < end - _TOLERANCE_S:
        yield number, shown
        number += 1
