"""Reading the audio packets of a source by time, forwards."""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.audio.stream import AudioStream

from curation.video.packets import discard_other_streams
from curation.video.reader import open_video
from curation.video.types import Deadline

_REMEMBERED_PACKETS = 64


class AudioCursor:
    """The packets of the first audio stream that this FFmpeg can decode. ``stream`` is None where there is none."""

    def __init__(self, path: Path, deadline: Deadline) -> None:
        self._path = path
        self._deadline = deadline
        self._resources = ExitStack()
        self.stream: AudioStream | None = None
        self._packets: Iterator[av.Packet[AudioStream]] = iter(())
        self._open()

    def close(self) -> None:
        """Close the file."""
        self._resources.close()

    def packets(self, start_s: Fraction, stop_s: Fraction) -> Iterator[av.Packet[Any]]:
        """Copies of the packets that sound between two times of the source in seconds, and of the one before them:
        decoders of overlapping transforms need it to give the first one right.

        Ask for ascending spans; they may overlap by a few packets.
        """
        time_base = self.stream.time_base if self.stream is not None else None
        if time_base is None:
            return
        start, stop = math.floor(start_s / time_base), math.ceil(stop_s / time_base)
        if self._forgot and self._recent and _pts(self._recent[0]) > start:
            self._open()
        before = None
        for packet in itertools.chain(list(self._recent), self._read()):
            pts = _pts(packet)
            if pts >= stop:
                return
            if pts + (packet.duration or 0) <= start:
                before = packet
                continue
            if before is not None:
                yield _clone(before)
                before = None
            yield _clone(packet)

    def _read(self) -> Iterator[av.Packet[Any]]:
        for packet in self._packets:
            self._deadline.check()
            if packet.size == 0 or (packet.pts is None and packet.dts is None):
                continue
            self._recent.append(packet)
            if len(self._recent) > _REMEMBERED_PACKETS:
                self._recent.popleft()
                self._forgot = True
            yield packet

    def _open(self) -> None:
        self._resources.close()
        container, _ = self._resources.enter_context(open_video(self._path))
        self.stream = next((s for s in container.streams.audio if s.codec_context is not None), None)
        self._recent: deque[av.Packet[Any]] = deque()
        self._forgot = False
        if self.stream is not None:
            discard_other_streams(container, self.stream)
            self._packets = container.demux(self.stream)


def _pts(packet: av.Packet[Any]) -> int:
    pts = packet.dts if packet.pts is None else packet.pts
    assert pts is not None
    return pts


def _clone(packet: av.Packet[Any]) -> av.Packet[Any]:
    clone = av.Packet(bytes(packet))
    clone.stream = packet.stream
    clone.time_base = packet.time_base
    clone.pts = clone.dts = _pts(packet)
    clone.duration = packet.duration
    clone.is_keyframe = packet.is_keyframe
    return clone
