"""Which spans of a source become clips: a pure function of shots, packets and limits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from curation.video.types import ClipMode, Transition
from stages.clips.timeline import Timeline


@dataclass(frozen=True)
class Limits:
    """How long a clip may be, in seconds. ``maximum_s`` None: no bound."""

    minimum_s: Fraction
    maximum_s: Fraction | None = None

    def ticks(self, time_base: Fraction) -> tuple[int, int | None]:
        """Both bounds in units of the time base, rounded inwards."""
        longest = None if self.maximum_s is None else math.floor(self.maximum_s / time_base)
        return math.ceil(self.minimum_s / time_base), longest


@dataclass(frozen=True)
class Shot:
    """The frames first … stop − 1 between two transitions."""

    first: int
    stop: int


@dataclass(frozen=True)
class Joints:
    """What the codec allows of the entries of a timeline, int64 [n] frames, ascending.

    ``starts``: where a clip may start with a copy; ``follows``: where copied packets may follow encoded ones.
    """

    starts: npt.NDArray[np.int64]
    follows: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Span:
    """The frames first … stop − 1 of one shot, to be written as one clip.

    Those from ``copy_first`` to ``copy_stop`` − 1 are stream-copied, as the packets ``first_packet`` …
    ``stop_packet`` − 1 without those of earlier frames; the rest is encoded again. Nothing is copied where
    copy_first == copy_stop.
    """

    shot: Shot
    first: int
    stop: int
    copy_first: int
    copy_stop: int
    first_packet: int = 0
    stop_packet: int = 0

    @property
    def mode(self) -> ClipMode:
        """How the clip is written."""
        if self.copy_first == self.copy_stop:
            return "exact"
        return "copy" if (self.copy_first, self.copy_stop) == (self.first, self.stop) else "smart"

    def as_exact(self) -> Span:
        """The same frames with nothing copied."""
        return Span(self.shot, self.first, self.stop, self.first, self.first)


def find_shots(frame_pts: npt.NDArray[np.int64], transitions: Iterable[Transition]) -> list[Shot]:
    """The runs of frames between transitions, in order. Frames inside a transition belong to no shot."""
    shots = []
    first = 0
    for transition in sorted(transitions, key=lambda t: (t.start_pts, t.end_pts)):
        stop = int(np.searchsorted(frame_pts, transition.start_pts))
        if stop > first:
            shots.append(Shot(first, stop))
        first = max(first, int(np.searchsorted(frame_pts, transition.end_pts)))
    if first < len(frame_pts):
        shots.append(Shot(first, len(frame_pts)))
    return shots


def without_spoiled(shots: Iterable[Shot], spoiled: npt.NDArray[np.bool_]) -> list[Shot]:
    """The parts of the shots that hold no frame marked in ``spoiled``, bool [num_frames]."""
    parts = []
    for shot in shots:
        bad = np.flatnonzero(spoiled[shot.first : shot.stop]) + shot.first
        edges = [shot.first - 1, *(int(number) for number in bad), shot.stop]
        parts += [Shot(before + 1, after) for before, after in pairwise(edges) if after > before + 1]
    return parts


def within(shots: Iterable[Shot], frame_pts: npt.NDArray[np.int64], intervals: Iterable[tuple[int, int]]) -> list[Shot]:
    """The parts of the shots whose frames are shown within one of the intervals of PTS, [start, end), disjoint."""
    bounds = [tuple(int(frame) for frame in np.searchsorted(frame_pts, interval)) for interval in intervals]
    parts = [Shot(max(shot.first, first), min(shot.stop, stop)) for shot in shots for first, stop in sorted(bounds)]
    return [part for part in parts if part.stop > part.first]


def plan(
    shots: Iterable[Shot],
    timeline: Timeline,
    limits: Limits,
    mode: ClipMode,
    joints: Joints | None = None,
) -> list[Span]:
    """The spans of all shots, in order. No span leaves its shot, none is shorter or longer than the limits allow.

    "copy": the start of a shot snaps forward to an entry of the timeline, its end back to an exit; a shot that is too
    long is divided at entries into parts of nearly equal length. "smart": the whole shot; what lies between an entry
    and an exit is copied, as far as the ``joints`` allow (default: at every entry). "exact": the whole shot, with
    nothing copied.
    """
    minimum, maximum = limits.ticks(timeline.time_base)
    splitter = _Splitter(timeline.pts, minimum, maximum)
    joints = joints or Joints(timeline.entries, timeline.entries)
    spans: list[Span] = []
    for shot in shots:
        if splitter.ticks(shot.first, shot.stop) < minimum:
            continue
        if mode == "copy":
            spans.extend(_copies(shot, timeline, splitter))
        elif mode == "smart":
            parts = splitter.parts(shot.first, shot.stop, timeline.entries)
            spans.extend(_mixed_span(shot, first, stop, timeline, joints) for first, stop in parts)
        else:
            parts = splitter.parts(shot.first, shot.stop, timeline.entries[:0])
            spans.extend(Span(shot, first, stop, first, first) for first, stop in parts)
    return spans


def lost_seconds(spans: Sequence[Span], timeline: Timeline) -> list[Fraction]:
    """Seconds of its shot that each span gave up: from the span before to its start, and behind the shot's last."""
    lost = []
    for position, span in enumerate(spans):
        before = spans[position - 1] if position else None
        behind = spans[position + 1] if position + 1 < len(spans) else None
        edge = before.stop if before and before.shot == span.shot else span.shot.first
        seconds = timeline.seconds(edge, span.first)
        if behind is None or behind.shot != span.shot:
            seconds += timeline.seconds(span.stop, span.shot.stop)
        lost.append(seconds)
    return lost


@dataclass(frozen=True)
class _Splitter:
    """Divides spans that are too long. ``pts``: as in `Timeline`; lengths in its units."""

    pts: npt.NDArray[np.int64]
    minimum: int
    maximum: int | None

    def ticks(self, first: int, stop: int) -> int:
        return int(self.pts[stop] - self.pts[first])

    def is_too_long(self, first: int, stop: int) -> bool:
        return self.maximum is not None and self.ticks(first, stop) > self.maximum

    def latest(self, first: int, stop: int) -> int:
        """The last frame before which a part that starts at ``first`` may stop."""
        if self.maximum is None:
            return stop
        return min(stop, int(np.searchsorted(self.pts, self.pts[first] + self.maximum, side="right")) - 1)

    def nearest(self, first: int, stop: int, candidates: npt.NDArray[np.int64], tolerance: float) -> int | None:
        """The candidate that comes nearest to an equal share of first … stop, or None.

        Neither the part nor the rest may be too short. ``tolerance``: how far off, in shares.
        """
        assert self.maximum is not None
        length = self.ticks(first, stop)
        share = length / math.ceil(length / self.maximum)
        lengths = self.pts[candidates] - self.pts[first]
        allowed = (lengths > 0) & (lengths >= self.minimum) & (lengths <= self.maximum)
        allowed &= (length - lengths >= self.minimum) & (np.abs(lengths - share) <= tolerance * share)
        if not allowed.any():
            return None
        usable = candidates[allowed]
        return int(usable[np.argmin(np.abs(lengths[allowed] - share))])

    def parts(self, first: int, stop: int, preferred: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
        """Cover first … stop − 1, cutting at ``preferred`` frames where one lies within a quarter of a share.

        What is left over and too short for the limits is dropped.
        """
        while self.is_too_long(first, stop):
            end = self.nearest(first, stop, _between(preferred, first, stop), tolerance=0.25)
            if end is None:
                end = self.nearest(first, stop, np.arange(first + 1, stop), tolerance=math.inf)
            if end is None:
                end = self.latest(first, stop)
            if self.ticks(first, end) >= self.minimum and end > first:
                yield first, end
            first = max(end, first + 1)
        if first < stop and self.ticks(first, stop) >= self.minimum:
            yield first, stop


def _copies(shot: Shot, timeline: Timeline, splitter: _Splitter) -> Iterator[Span]:
    """Copies of a shot, from entry to exit, each as near to its equal share of the rest as the entries allow."""
    entries = _between(timeline.entries, shot.first - 1, shot.stop)
    free_from = shot.first
    for entry in entries.tolist():
        if entry < free_from:
            continue
        end = _last_exit(timeline, entry, shot.stop)
        if end is None or splitter.ticks(entry, end) < splitter.minimum:
            continue
        stop: int | None = end
        if splitter.is_too_long(entry, end):
            boundaries = np.intersect1d(_between(entries, entry, end), timeline.exits)
            stop = splitter.nearest(entry, end, boundaries, tolerance=math.inf)
            if stop is None:
                stop = _last_exit(timeline, entry, splitter.latest(entry, end))
        if stop is None or splitter.ticks(entry, stop) < splitter.minimum:
            continue
        yield Span(shot, entry, stop, entry, stop, *_packets(timeline, entry, stop))
        free_from = stop


def _mixed_span(shot: Shot, first: int, stop: int, timeline: Timeline, joints: Joints) -> Span:
    """One span; what can be copied lies between its first usable entry and the last exit behind that."""
    usable = np.concatenate([_between(joints.starts, first - 1, first + 1), _between(joints.follows, first, stop)])
    for entry in usable.tolist():
        end = _last_exit(timeline, entry, stop)
        if end is not None:
            return Span(shot, first, stop, entry, end, *_packets(timeline, entry, end))
    return Span(shot, first, stop, first, first)


def _last_exit(timeline: Timeline, entry: int, stop: int) -> int | None:
    """The last exit up to ``stop`` that a copy from ``entry`` reaches, or None."""
    position = int(np.searchsorted(timeline.exits, stop, side="right")) - 1
    reach = int(np.searchsorted(timeline.orphans, timeline.orphans[entry], side="right")) - 1
    if position >= 0 and timeline.exits[position] > reach:
        position = int(np.searchsorted(timeline.exits, reach, side="right")) - 1
    if position < 0 or timeline.exits[position] <= entry:
        return None
    return int(timeline.exits[position])


def _packets(timeline: Timeline, entry: int, stop: int) -> tuple[int, int]:
    first = timeline.entry_packets[np.searchsorted(timeline.entries, entry)]
    behind = timeline.exit_packets[np.searchsorted(timeline.exits, stop)]
    return int(first), int(behind)


def _between(frames: npt.NDArray[np.int64], low: int, high: int) -> npt.NDArray[np.int64]:
    """Those of ascending ``frames`` with low < frame < high."""
    return frames[np.searchsorted(frames, low, side="right") : np.searchsorted(frames, high, side="left")]
