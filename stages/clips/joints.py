"""Where copied and encoded parts of a clip may meet."""

from __future__ import annotations

import numpy as np

from stages.clips.encoding import EncodingSettings
from stages.clips.packet_cursor import PacketCursor
from stages.clips.planner import Joints
from stages.clips.source import Source
from stages.clips.splices import open_splice


def find_joints(source: Source, settings: EncodingSettings) -> Joints:
    """Look at the keyframes of the source, without decoding them.

    Raises:
        SpliceError: nothing of this stream can be joined with encoded packets.
    """
    timeline = source.timeline
    cursor = PacketCursor(source.path, source.deadline)
    try:
        splice = open_splice(cursor.stream, settings)
        starts, follows = [], []
        for frame, number in zip(timeline.entries.tolist(), timeline.entry_packets.tolist(), strict=True):
            cursor.move_to(number)
            packet = cursor.next()
            if packet is None:
                break
            if splice.can_start(packet):
                starts.append(frame)
            if splice.can_follow_encoded(packet):
                follows.append(frame)
        return Joints(np.array(starts, np.int64), np.array(follows, np.int64))
    finally:
        cursor.close()
