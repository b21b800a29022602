"""The packets of a source that a span copies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from curation.errors import ItemError
from stages.clips.packet_cursor import PacketCursor
from stages.clips.planner import Span


def copied_frames(span: Span, packet_frames: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """int64 [copied packets]: the frames of the source that `copied_packets` yields, in decode order."""
    frames = packet_frames[span.first_packet : span.stop_packet]
    return frames[frames >= span.copy_first]


def copied_packets(cursor: PacketCursor, span: Span, packet_frames: npt.NDArray[np.int64]) -> Iterator[av.Packet[Any]]:
    """One packet per copied frame, in decode order.

    Leading pictures, which are shown before the span, are left out. A packet without a frame of its own, such as
    the second field of a picture, is joined to the packet before it.
    """
    cursor.move_to(span.first_packet)
    pending: av.Packet[Any] | None = None
    leaves_out = False
    for frame in packet_frames[span.first_packet : span.stop_packet].tolist():
        packet = cursor.next()
        if packet is None:
            raise ItemError("the file ended before the packets of a clip")
        if frame < 0:
            if pending is not None and not leaves_out and not packet.is_discard:
                pending = _joined(pending, packet)
            continue
        leaves_out = frame < span.copy_first
        if leaves_out:
            continue
        if pending is not None:
            yield pending
        pending = packet
    if pending is not None:
        yield pending


def _joined(first: av.Packet[Any], second: av.Packet[Any]) -> av.Packet[Any]:
    packet = av.Packet(bytes(first) + bytes(second))
    packet.is_keyframe = first.is_keyframe
    return packet
