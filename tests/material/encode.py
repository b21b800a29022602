"""Writes frames (and a sweep as sound) to a file with PyAV, and reads back the time stamps that it got."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.video.frame import PictureType

from tests.material.recipes import Encoding
from tests.material.sources import Frame
from tests.material.tone import SAMPLE_RATE, sweep


def write_video(
    path: Path,
    frames: Iterable[Frame],
    pts: Sequence[int],
    time_base: Fraction,
    fps: Fraction,
    size: tuple[int, int],
    encoding: Encoding,
    muxer_options: Mapping[str, str] | None = None,
) -> None:
    """Encode one RGB frame per entry of ``pts`` (units of ``time_base``), single-threaded: same input, same bytes."""
    with av.open(str(path), "w", options={"fflags": "+bitexact"} | dict(muxer_options or {})) as container:
        video = container.add_stream(encoding.codec, rate=fps, options=dict(encoding.options))
        video.width, video.height = size
        video.pix_fmt = encoding.pixel_format
        video.codec_context.time_base = time_base
        video.codec_context.thread_count = 1
        if encoding.gop is not None:
            video.codec_context.gop_size = encoding.gop
        if encoding.b_frames is not None:
            video.codec_context.max_b_frames = encoding.b_frames
        if encoding.rotation:
            video.set_display_rotation(-encoding.rotation)
        packets = []
        if encoding.audio_codec:
            packets = encode_sound(container, encoding.audio_codec, float((pts[-1] - pts[0]) * time_base + 1 / fps))
        for frame, stamp in zip(frames, pts, strict=True):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format=encoding.pixel_format)
            picture.pts, picture.time_base = stamp, time_base
            picture.pict_type = PictureType.NONE
            while packets and packets[0].pts * packets[0].time_base <= stamp * time_base:
                container.mux(packets.pop(0))
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
        container.mux(packets)


def encode_sound(container: OutputContainer, codec: str, seconds: float) -> list[av.Packet]:
    rate = 48000 if codec == "libopus" else SAMPLE_RATE
    stream = container.add_stream(codec, rate=rate, layout="mono")
    samples = (sweep(seconds, rate) * 32767).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
    return [*stream.encode(frame), *stream.encode(None)]


def read_pts(path: Path) -> tuple[list[int], int, Fraction]:
    """Time stamps of the decoded frames, where the last frame ends, and the unit of both."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        last, pts = None, []
        for frame in container.decode(stream):
            if frame.pts is None:
                raise ValueError(f"{path}: frame {len(pts)} has no time stamp")
            pts.append(frame.pts)
            last = frame
        if last is None or stream.time_base is None:
            raise ValueError(f"{path}: no frame")
        return pts, pts[-1] + (last.duration or pts[-1] - pts[-2]), stream.time_base
