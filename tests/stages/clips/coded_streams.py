"""Packet sequences as real encoders order them, for property tests: groups of pictures, open and closed, with pyramids
of B pictures, irregular time stamps, packets without a frame and frames without a packet."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from curation.video.packets import NO_PTS, PacketIndex
from stages.clips.timeline import Timeline, build_timeline, frame_numbers

TIME_BASE = Fraction(1, 90000)


@dataclass(frozen=True)
class CodedStream:
    """Packets in decode order and the frames that a decoder makes of them in display order."""

    packets: PacketIndex
    frame_pts: npt.NDArray[np.int64]
    end_pts: int

    @property
    def timeline(self) -> Timeline:
        return build_timeline(self.packets, self.frame_pts, self.end_pts)

    @property
    def packet_frames(self) -> npt.NDArray[np.int64]:
        return frame_numbers(self.packets, self.frame_pts)


def mini_group(size: int, *, pyramid: bool) -> list[int]:
    """Decode order of pictures 0 … size − 1, of which the last is the reference that the others need."""
    inner = list(range(size - 1))
    if pyramid and len(inner) > 2:
        middle = len(inner) // 2
        inner = [inner[middle], *inner[:middle], *inner[middle + 1 :]]
    return [size - 1, *inner]


@st.composite
def coded_streams(draw: st.DrawFn, *, damaged: bool = True) -> CodedStream:
    """``damaged``: packets may have changed places, some may have no frame, and some frames no packet."""
    order: list[int] = []
    keys: set[int] = set()
    shown = 0
    for group in range(draw(st.integers(1, 5))):
        leading = draw(st.integers(0, 3)) if group else 0
        key = shown + leading
        keys.add(key)
        order += [key, *range(shown, key)]
        shown = key + 1
        for size in draw(st.lists(st.integers(1, 5), max_size=4)):
            order += [shown + picture for picture in mini_group(size, pyramid=draw(st.booleans()))]
            shown += size
    for position in draw(st.lists(st.integers(0, max(0, shown - 2)), max_size=2 if damaged else 0)):
        order[position : position + 2] = order[position : position + 2][::-1]
    steps = draw(st.lists(st.sampled_from([1500, 3000, 3003, 9000]), min_size=shown, max_size=shown))
    origin = draw(st.integers(-10000, 10**9))
    pts = origin + np.concatenate([[0], np.cumsum(steps)])
    stamps = [int(pts[picture]) for picture in order]
    is_key = [picture in keys for picture in order]
    frames = list(pts[:-1])
    if damaged:
        lost = draw(st.sets(st.integers(0, shown - 1), max_size=2)) if shown > 3 else set()
        frames = [stamp for number, stamp in enumerate(frames) if number not in lost]
        for position in sorted(draw(st.sets(st.integers(0, shown - 1), max_size=2)), reverse=True):
            stamps[position] = draw(st.sampled_from([NO_PTS, stamps[position] + 1]))
    count = len(order)
    packets = PacketIndex(
        pts=np.array(stamps, np.int64),
        dts=np.full(count, NO_PTS),
        duration=np.zeros(count, np.int64),
        size=np.ones(count, np.int64),
        is_keyframe=np.array(is_key),
        is_discarded=np.zeros(count, np.bool_),
        time_base=TIME_BASE,
    )
    return CodedStream(packets, np.array(frames, np.int64), int(pts[-1]))


@st.composite
def transition_frames(draw: st.DrawFn, num_frames: int) -> list[tuple[int, int]]:
    """Transitions as frame intervals [start, end), in order and apart."""
    marks = sorted(draw(st.lists(st.integers(0, num_frames), max_size=6)))
    pairs = list(zip(marks[::2], marks[1::2], strict=False))
    return [(start, start if draw(st.booleans()) else end) for start, end in pairs]
