"""Writing one clip as an mp4 file: video and audio interleaved, index first, time from zero."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.container import OutputContainer
from av.video.stream import VideoStream

from curation.errors import ItemError
from curation.scratch import raise_if_disk_full
from curation.video.reader import reason
from stages.clips.audio import audio_errors

VIDEO_CODECS = frozenset({"h264", "hevc", "vp9", "av1", "mpeg4", "mpeg2video", "mpeg1video"})


@contextmanager
def open_clip(path: Path, time_base: Fraction) -> Iterator[OutputContainer]:
    """An mp4 file whose video track keeps the unit of ``time_base``.

    Raises:
        ItemError: the muxer refuses what it is given.
        DiskFullError: no space is left.
    """
    options = {"movflags": "+faststart", "video_track_timescale": str(time_base.denominator)}
    try:
        with av.open(str(path), "w", format="mp4", container_options=options) as output:
            yield output
    except (av.FFmpegError, ValueError) as error:
        raise_if_disk_full(error)
        raise ItemError(f"cannot write the clip as mp4: {reason(error)}") from error


def mux(output: OutputContainer, video: Iterable[av.Packet[Any]], audio: Iterator[av.Packet[Any]]) -> bool:
    """Write both in the order of their decode times. Returns whether there was any audio packet.

    Raises:
        AudioError: the audio packets, or a header that describes them, cannot be written.
    """
    with audio_errors():
        sound = next(audio, None)
    has_audio = sound is not None
    if has_audio:
        with audio_errors():
            output.start_encoding()
    for picture in video:
        while sound is not None and _seconds(sound) <= _seconds(picture):
            sound = _mux_sound(output, sound, audio)
        output.mux_one(picture)
    while sound is not None:
        sound = _mux_sound(output, sound, audio)
    return has_audio


def _mux_sound(
    output: OutputContainer, packet: av.Packet[Any], following: Iterator[av.Packet[Any]]
) -> av.Packet[Any] | None:
    with audio_errors():
        output.mux_one(packet)
        return next(following, None)


@dataclass(frozen=True)
class ClipClock:
    """The times of a clip's packets, from the frames that they hold.

    ``frames``: int64 [n], the frame of the clip (from 0, display order) that each packet holds, in decode order, −1
    for a packet without a frame of its own; ``pts``: int64 [num_frames + 1] of the clip's frames, the first is 0 and
    the last the end; ``time_base``: their unit.
    """

    frames: npt.NDArray[np.int64]
    pts: npt.NDArray[np.int64]
    time_base: Fraction

    def stamp(self, packets: Iterable[av.Packet[Any]], target: VideoStream) -> Iterator[av.Packet[Any]]:
        """Give the packets, which come in decode order, their times and their stream.

        The decode times are the display times of the clip's frames in ascending order, delayed by as many frames
        as the order of the packets asks for.
        """
        shown = self.frames[self.frames >= 0]
        delay = int(max(0, (np.arange(len(shown)) - shown).max(initial=0)))
        step = int(self.pts[1])
        position = 0
        for frame, packet in zip(self.frames.tolist(), packets, strict=True):
            if frame >= 0:
                rank = position - delay
                packet.dts = int(self.pts[rank]) if rank >= 0 else rank * step
                packet.pts = int(self.pts[frame])
                packet.duration = int(self.pts[frame + 1]) - packet.pts
                position += 1
            packet.time_base = self.time_base
            packet.stream = target
            yield packet


def _seconds(packet: av.Packet[Any]) -> float:
    return float((packet.dts or 0) * packet.time_base)
