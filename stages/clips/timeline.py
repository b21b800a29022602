"""Frames and packets of a source brought together: where a copy can start, and where it can stop."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from curation.video.packets import PacketIndex


@dataclass(frozen=True)
class Timeline:
    """All that the planner knows of a source. Frame numbers count the decoded frames in display order.

    ``pts``: int64 [num_frames + 1], the last element is the end of the last frame; ``time_base``: seconds per unit.
    ``entries``: frames at which a copy can start, ascending; ``entry_packets``: their packets.
    ``exits``: frame numbers before which a copy can stop, ascending; ``exit_packets``: the first packet left out.
    ``orphans``: int64 [num_frames + 1], how many frames before each have no packet of their own: no copy holds them.
    """

    pts: npt.NDArray[np.int64]
    time_base: Fraction
    entries: npt.NDArray[np.int64]
    entry_packets: npt.NDArray[np.int64]
    exits: npt.NDArray[np.int64]
    exit_packets: npt.NDArray[np.int64]
    orphans: npt.NDArray[np.int64]

    @property
    def num_frames(self) -> int:
        return len(self.pts) - 1

    def seconds(self, first: int, stop: int) -> Fraction:
        """How long the frames first … stop − 1 last."""
        return int(self.pts[stop] - self.pts[first]) * self.time_base


def build_timeline(packets: PacketIndex, frame_pts: npt.NDArray[np.int64], end_pts: int) -> Timeline:
    """Match packets (decode order) with decoded frames (display order) by their time stamps.

    A keyframe is an *entry* when no packet before it holds a frame that is shown after it. Pictures that are decoded
    A packet boundary is an *exit* when the packets before it hold exactly the frames before some frame: the prefix of
    the decode order is closed in display order. Packets that hold no frame of their own (second fields, damage)
    stay with the packet before them.
    """
    frames = frame_numbers(packets, frame_pts)
    num_frames, num_packets = len(frame_pts), len(packets)
    highest = np.maximum.accumulate(frames)
    highest_before = np.concatenate([[-1], highest[:-1]])
    is_entry = packets.is_keyframe & (frames >= 0) & (highest_before < frames)
    entry_packets = np.flatnonzero(is_entry)

    later = np.where(frames >= 0, frames, num_frames)[::-1]
    lowest_from = np.concatenate([np.minimum.accumulate(later)[::-1], [num_frames]])
    boundaries = np.arange(1, num_packets + 1)
    starts_frame = np.concatenate([frames[1:] >= 0, [True]])
    is_exit = (highest >= 0) & (highest < lowest_from[1:]) & starts_frame
    exits, exit_packets = highest[is_exit] + 1, boundaries[is_exit]
    exits, unique = np.unique(exits, return_index=True)

    has_packet = np.zeros(num_frames, np.bool_)
    has_packet[frames[frames >= 0]] = True
    return Timeline(
        pts=np.concatenate([frame_pts, [end_pts]]).astype(np.int64),
        time_base=packets.time_base,
        entries=frames[entry_packets],
        entry_packets=entry_packets,
        exits=exits,
        exit_packets=exit_packets[unique],
        orphans=np.concatenate([[0], np.cumsum(~has_packet)]).astype(np.int64),
    )


def frame_numbers(packets: PacketIndex, frame_pts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """int64 [len(packets)]: the frame that each packet holds; −1 where no decoded frame has its time stamp.

    Of several packets with one time stamp the first counts.
    """
    numbers = np.searchsorted(frame_pts, packets.pts)
    numbers[numbers == len(frame_pts)] = 0
    matches = (frame_pts[numbers] == packets.pts) & ~packets.is_discarded
    _, first_of_its_time = np.unique(packets.pts, return_index=True)
    is_first = np.zeros(len(packets), np.bool_)
    is_first[first_of_its_time] = True
    return np.where(matches & is_first, numbers, -1).astype(np.int64)
