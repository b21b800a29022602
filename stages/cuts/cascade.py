"""The merge: hits of three rates are candidates, the thumbnails of all frames decide."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from curation.video.types import Deadline, FrameIndex, Transition, TransitionKind
from stages.cuts.fades import find_fades
from stages.cuts.gradual import CERTAIN, find_gradual
from stages.cuts.hard import find_hard_cuts
from stages.cuts.hits import Hit, Hits
from stages.cuts.spool import ThumbnailSpool
from stages.cuts.stats import FrameStats

# Gradual transitions are searched at about this rate; all frames are used to bound them.
SEARCH_FPS = 15.0
# Longest stretch that is searched at once, in seconds; stretches overlap by a transition and what surrounds it.
STRETCH_SECONDS = 12.0
# Two findings that share this much of the less sure one's time are one transition.
MOSTLY = 0.7


@dataclass(frozen=True)
class Limits:
    """Lengths in seconds between which a gradual transition is looked for."""

    shortest_s: float = 0.2
    longest_s: float = 3.3


@dataclass(frozen=True)
class Found:
    """A transition in frame numbers: frames start … end − 1 belong to neither shot (cut: start == end)."""

    kind: TransitionKind
    start: int
    end: int
    score: float


def find_transitions(
    hits: Hits, index: FrameIndex, spool: ThumbnailSpool, limits: Limits, *, fades: bool = True,
    deadline: Deadline | None = None,
) -> list[Transition]:  # fmt: skip
    """Transitions in time order; none overlap."""
    if len(spool) < 2:
        return []
    fps = _frame_rate(index)
    deadline = deadline or Deadline()
    stats = FrameStats.of(spool)
    deadline.check()
    faded = find_fades(spool, stats, fps, limits.longest_s) if fades else []
    found = [Found("fade", fade.start, fade.end, fade.score) for fade in faded]
    sudden = {hit.before + 1 + int(np.argmax(stats.step[hit.before + 1 : hit.frame + 1])) for hit in hits}
    for fade in faded:
        sudden.difference_update(range(fade.start, fade.end + 1))
    found += [Found("cut", frame, frame, score) for frame, score in find_hard_cuts(sudden, spool, stats, fps).items()]
    found.sort(key=lambda one: one.start)
    found += _gradual(hits, spool, found, fps, limits, deadline)
    found.sort(key=lambda one: one.start)
    stamps = np.append(index.pts, index.end_pts)
    return [_transition(one, hits, stamps) for one in found]


def _gradual(
    hits: Hits, spool: ThumbnailSpool, known: list[Found], fps: float, limits: Limits, deadline: Deadline
) -> list[Found]:
    stride = max(1, round(fps / SEARCH_FPS))
    margin = round(1.5 * limits.longest_s * fps)
    ends = [0, *(edge for one in known for edge in (one.start, one.end)), len(spool)]
    result = []
    for low, high in zip(ends[::2], ends[1::2], strict=True):
        for start, end in _stretches(hits.within(low, high), low, high, margin, round(STRETCH_SECONDS * fps)):
            deadline.check()
            thumbs = spool.read(start, end)
            shortest, longest = max(2, round(limits.shortest_s * fps)), round(limits.longest_s * fps)
            for one in find_gradual(thumbs, stride, shortest, longest):
                result.append(Found("dissolve", start + one.start, start + one.end, one.score))
    return [one for one in _without_overlaps(result) if one.score >= CERTAIN]


def _stretches(hits: list[Hit], low: int, high: int, margin: int, longest: int) -> list[tuple[int, int]]:
    """Frame ranges around the hits: joined where they touch, cut, with an overlap of two margins, where long."""
    merged: list[list[int]] = []
    for hit in sorted(hits, key=lambda hit: hit.before):
        start, end = max(low, hit.before - margin), min(high, hit.frame + 1 + margin)
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([start, end])
    parts = []
    for start, end in merged:
        while end - start > longest + 2 * margin:
            parts.append((start, start + longest))
            start += longest - margin
        parts.append((start, end))
    return parts


def _without_overlaps(found: list[Found]) -> list[Found]:
    """Of those that overlap the surest; widened by the others where they share most of their time with it."""
    kept: list[Found] = []
    for one in sorted(found, key=lambda one: -one.score):
        rivals = [other for other in kept if one.start < other.end and other.start < one.end]
        if not rivals:
            kept.append(one)
            continue
        other = rivals[0]
        shared = min(one.end, other.end) - max(one.start, other.start)
        wider = replace(other, start=min(one.start, other.start), end=max(one.end, other.end))
        alone = all(wider.start >= third.end or wider.end <= third.start for third in kept if third is not other)
        if len(rivals) == 1 and alone and shared >= MOSTLY * (one.end - one.start):
            kept[kept.index(other)] = wider
    return kept


def _transition(one: Found, hits: Hits, stamps: npt.NDArray[np.int64]) -> Transition:
    rate = hits.rate_that_saw(one.start, one.end)
    return Transition(one.kind, int(stamps[one.start]), int(stamps[one.end]), rate, round(one.score, 4))


def _frame_rate(index: FrameIndex) -> float:
    seconds = float((index.end_pts - int(index.pts[0])) * index.time_base)
    return len(index.pts) / max(seconds, 1e-6)
