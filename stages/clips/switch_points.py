"""Where a copied part of a clip may follow an encoded one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stages.clips.encoding import EncodingSettings
from stages.clips.packet_cursor import PacketCursor
from stages.clips.source import Source
from stages.clips.splices import open_splice


def find_switch_frames(source: Source, settings: EncodingSettings) -> npt.NDArray[np.int64]:
    """int64 [n]: those entries of the timeline, ascending, at which a decoder takes other parameter sets.

    Reads the packets of the source once, and decodes none.

    Raises:
        SpliceError: nothing of this stream can be joined with encoded packets.
    """
    timeline = source.timeline
    cursor = PacketCursor(source.path, source.deadline)
    try:
        splice = open_splice(cursor.stream, settings)
        frames = []
        for frame, number in zip(timeline.entries.tolist(), timeline.entry_packets.tolist(), strict=True):
            cursor.move_to(number)
            packet = cursor.next()
            if packet is not None and splice.can_follow_encoded(packet):
                frames.append(frame)
        return np.array(frames, np.int64)
    finally:
        cursor.close()
