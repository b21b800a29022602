"""Decoding spans of a source, forwards, with no more decoding than their groups of pictures need."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from curation.errors import ItemError
from curation.video.fingerprint import fingerprint, is_same_coded_picture
from curation.video.types import Deadline, FrameIndex
from stages.clips.packet_cursor import PacketCursor
from stages.clips.timeline import Timeline


class SourceMismatchError(ItemError):
    """A frame decoded from a keyframe on is not the one that the decode of the whole file gave."""


class FrameCursor:
    """The frames of a source by number. Ask for spans in ascending order: then each packet is read once.

    Decoding starts at the last keyframe before a span, or goes on where the span before ended.
    Every frame is compared with the fingerprint in the `FrameIndex`.
    """

    def __init__(self, path: Path, index: FrameIndex, timeline: Timeline, deadline: Deadline) -> None:
        self._index = index
        self._timeline = timeline
        self._packets = PacketCursor(path, deadline)
        self._decoded: deque[tuple[int, av.VideoFrame]] = deque()
        self._highest = -1
        self._is_drained = False
        self._may_skip = True

    @property
    def stream(self) -> av.video.stream.VideoStream:
        """The stream that is decoded."""
        return self._packets.stream

    def close(self) -> None:
        """Close the file."""
        self._packets.close()

    def decode_from_start(self) -> None:
        """Skip nothing from now on: the decoder's state then is that of a decode of the whole file."""
        self._may_skip = False
        self._restart(0)

    def frames(self, first: int, stop: int) -> Iterator[tuple[int, av.VideoFrame]]:
        """The frames first … stop − 1 with their numbers.

        Raises:
            SourceMismatchError: one of them is missing or differs from the index.
        """
        self._go_to(first)
        expected = first
        while expected < stop and (self._decoded or self._decode_next()):
            while self._decoded and expected < stop:
                number, frame = self._decoded[0]
                if number > expected:
                    raise SourceMismatchError(f"frame {expected} did not come again")
                self._decoded.popleft()
                if number < expected:
                    continue
                if not is_same_coded_picture(fingerprint(frame), self._index.fingerprints[number]):
                    raise SourceMismatchError(f"frame {number} decodes differently the second time")
                expected += 1
                yield number, frame
        if expected < stop:
            raise SourceMismatchError(f"frame {expected} did not come again")

    def _go_to(self, first: int) -> None:
        entries = self._timeline.entries
        position = int(np.searchsorted(entries, first, side="right")) - 1
        packet = int(self._timeline.entry_packets[position]) if position >= 0 else 0
        passed = self._decoded[0][0] > first if self._decoded else self._highest >= first
        if not self._may_skip:
            if passed:
                self._restart(0)
        elif passed or packet > self._packets.position:
            self._restart(packet)

    def _restart(self, packet: int) -> None:
        self._packets.move_to(packet)
        self._packets.stream.codec_context.flush_buffers()
        self._decoded.clear()
        self._is_drained = False
        self._highest = -1

    def _decode_next(self) -> bool:
        """Give the decoder one packet, or at the end of the file ask for its last frames; False when all is done."""
        if self._is_drained:
            return False
        packet = self._packets.next()
        self._is_drained = packet is None
        try:
            frames = self._packets.stream.decode(packet)
        except av.error.InvalidDataError:
            return True
        pts = self._index.pts
        for frame in frames:
            if frame.pts is None:
                continue
            number = int(np.searchsorted(pts, frame.pts))
            if number < len(pts) and pts[number] == frame.pts and number > self._highest:
                self._highest = number
                self._decoded.append((number, frame))
        return True
