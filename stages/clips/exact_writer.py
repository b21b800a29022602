"""Clips by encoding every frame again, as H.264."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import numpy.typing as npt
from av.sidedata.sidedata import SideData
from av.video.stream import VideoStream

from curation.errors import ItemError
from stages.clips.audio import add_audio
from stages.clips.audio_cursor import AudioCursor
from stages.clips.encoding import EncodingSettings, configure_encoder, h264_format
from stages.clips.frame_cursor import FrameCursor, SourceMismatchError
from stages.clips.mp4 import mux, open_clip
from stages.clips.planner import Span
from stages.clips.source import Source


class ExactWriter:
    """Writes spans frame by frame, with the time stamps of the source. Give them in ascending order."""

    def __init__(self, source: Source, settings: EncodingSettings) -> None:
        self._source = source
        self._settings = settings
        self._frames = FrameCursor(source.path, source.index, source.timeline, source.deadline)
        self._audio = AudioCursor(source.path, source.deadline)

    def close(self) -> None:
        """Close the source."""
        self._frames.close()
        self._audio.close()

    def write(self, span: Span, path: Path, *, sound: bool = True) -> bool:
        """Write one clip; returns whether it has sound, which ``sound`` False leaves out.

        Raises:
            AudioError: the sound cannot be written.
            ItemError: its frames cannot be decoded again, or the encoder refuses them.
        """
        try:
            return self._write(span, path, sound)
        except SourceMismatchError:
            self._frames.decode_from_start()
            return self._write(span, path, sound)

    def _write(self, span: Span, path: Path, sound: bool) -> bool:
        source = self._source
        frames = self._frames.frames(span.first, span.stop)
        number, first = next(frames)
        time_base = source.timeline.time_base
        with open_clip(path, time_base) as output:
            video = output.add_stream("libx264", rate=self._frames.stream.average_rate)
            configure_encoder(
                video.codec_context,
                self._frames.stream.codec_context,
                first,
                pixel_format=h264_format(first),
                time_base=time_base,
                frame_rate=self._frames.stream.average_rate,
                options=self._settings.x264_options(),
            )
            video.time_base = time_base
            copy_display_matrix(first, video)
            audio = add_audio(output, self._audio, *source.interval(span)) if sound else iter(())
            shifted = shifted_frames(first, number, frames, source.timeline.pts, span.first)
            return mux(output, _encoded(video, shifted), audio)


def shifted_frames(
    first: av.VideoFrame,
    number: int,
    rest: Iterator[tuple[int, av.VideoFrame]],
    pts: npt.NDArray[np.int64],
    origin: int,
) -> Iterator[av.VideoFrame]:
    """Frames for an encoder: time counted from frame ``origin``, the choice of picture types left to the encoder."""
    frame = first
    while True:
        frame.pts = int(pts[number] - pts[origin])
        frame.duration = int(pts[number + 1] - pts[number])
        frame.pict_type = 0
        yield frame
        following = next(rest, None)
        if following is None:
            return
        number, frame = following


def copy_display_matrix(frame: av.VideoFrame, target: VideoStream) -> None:
    """Let players turn the clip as they turn the source."""
    matrix = cast("SideData | None", frame.side_data.get("DISPLAYMATRIX"))
    if matrix is not None:
        target.set_display_matrix(struct.unpack("=9i", bytes(matrix)[:36]))


def _encoded(video: VideoStream, frames: Iterator[av.VideoFrame]) -> Iterator[av.Packet[Any]]:
    try:
        for frame in frames:
            yield from video.encode(frame)
        yield from video.encode(None)
    except av.FFmpegError as error:
        raise ItemError(f"cannot encode the clip: {error.strerror}") from error
