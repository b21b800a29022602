"""Decoding no more of a clip than what its sample shows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import BinaryIO, TypeVar

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from models.diffusion.data.errors import ClipError

Made = TypeVar("Made")

# Shards hold mp4 alone; other containers can name other files. A file of a few bytes can claim frames of any size.
_OPTIONS = {"format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2", "protocol_whitelist": "file"}
MAX_PIXELS = 1 << 26
_BUFFER = 1 << 17


@contextmanager
def open_clip(media: BinaryIO) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The container and its first video stream, to be decoded by one thread: a loader has many processes.

    Raises:
        ClipError: it is no such file.
    """
    try:
        container = av.open(media, "r", options=_OPTIONS, metadata_errors="replace", buffer_size=_BUFFER)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise ClipError(f"cannot be opened as video: {_reason(error)}") from error
    with container:
        stream = next(iter(container.streams.video), None)
        if stream is None or stream.codec_context is None or stream.time_base is None:
            raise ClipError("holds no video stream that can be decoded")
        if stream.width * stream.height > MAX_PIXELS:
            raise ClipError(f"frames of {stream.width} × {stream.height} pixels are too large")
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        # Slice threads: frame threads can deadlock where a stream is left early (PyAV #1861).
        stream.thread_type = "SLICE"
        stream.codec_context.thread_count = 1
        yield container, stream


def frames_at(
    container: InputContainer,
    stream: VideoStream,
    seconds: Sequence[Fraction],
    made: Callable[[av.VideoFrame], Made],
    period: Fraction,
) -> list[Made]:
    """``made`` of the frames that are shown at these times, in seconds after the clip's first frame, ascending.

    Decodes from the last keyframe before the first of them to the last of them. ``period``: mean time from frame to
    frame; so much longer the last frame stays.

    Raises:
        ClipError: the clip cannot be decoded there, or ends before.
    """
    assert stream.time_base is not None
    # Frames have whole time stamps: one is shown at a time where its own is not later than the time, rounded down.
    start = stream.start_time or 0
    wanted = [start + math.floor(time / stream.time_base) for time in seconds]
    stays = math.ceil(2 * period / stream.time_base)
    found: list[Made] = []
    current: av.VideoFrame | None = None
    last: Made | None = None
    end = start
    try:
        for pts, frame in _then_end(_from(container, stream, wanted[0], start)):
            while current is not None and len(found) < len(wanted) and (pts is None or wanted[len(found)] < pts):
                if pts is None and wanted[len(found)] > end + stays:
                    seen = float((end - start) * stream.time_base + period)
                    raise ClipError(f"ends after {seen:.3f} s, before what its index tells")
                if last is None and current.is_corrupt:
                    raise ClipError("a frame of it is damaged")
                last = made(current) if last is None else last
                found.append(last)
            if len(found) == len(wanted) or frame is None or pts is None:
                break
            current, last, end = frame, None, pts
    except (av.FFmpegError, ValueError) as error:
        raise ClipError(f"cannot be decoded: {_reason(error)}") from error
    if len(found) < len(wanted):
        raise ClipError("no frame of it can be decoded")
    return found


def _from(
    container: InputContainer, stream: VideoStream, first: int, start: int
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Frames with their time stamps, from one on that is shown at ``first`` or earlier."""
    if first > start:
        container.seek(first, stream=stream)
        frames = _stamped(container, stream)
        opening = next(frames, None)
        if opening is not None and opening[0] <= first:
            yield opening
            yield from frames
            return
        # The index led to a keyframe that is shown later, as in files whose first frames have no keyframe.
        container.seek(start, stream=stream)
    yield from _stamped(container, stream)


def _stamped(container: InputContainer, stream: VideoStream) -> Iterator[tuple[int, av.VideoFrame]]:
    latest: int | None = None
    for packet in container.demux(stream):
        for frame in packet.decode():
            if frame.pts is not None and (latest is None or frame.pts > latest):
                latest = frame.pts
                yield frame.pts, frame


def _then_end(frames: Iterator[tuple[int, av.VideoFrame]]) -> Iterator[tuple[int | None, av.VideoFrame | None]]:
    yield from frames
    yield None, None


def _reason(error: BaseException) -> str:
    return " ".join(str(getattr(error, "strerror", None) or error).split())
