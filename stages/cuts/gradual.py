"""Dissolves and wipes in a stretch of video without hard cuts: confirmed or refuted, and bounded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stages.cuts.bounds import bound, cell_colours
from stages.cuts.evidence import Evidence, picture_vectors
from stages.cuts.hypotheses import Hypotheses, hypotheses
from stages.cuts.motion import unexplained
from stages.cuts.thumbnail import Thumbnails
from stages.cuts.verdict import with_motion, without_motion

# Two hypotheses are looked at as one when the time that they share is more than this share of the time that they span.
SAME = 0.4
# Scores from which on a hypothesis is looked at with motion compensation, may widen a surer one, and is believed.
POSSIBLE, SUPPORTING, CERTAIN = 0.1, 0.4, 0.7


@dataclass(frozen=True)
class Gradual:
    """Frames start … end − 1 are mixed. ``score``: 0 … 1."""

    start: int
    end: int
    score: float


def find_gradual(thumbs: Thumbnails, stride: int, shortest: int, longest: int) -> list[Gradual]:
    """Dissolves and wipes among consecutive frames uint8 [n, THUMBNAIL_SIZE].

    What scores less than `CERTAIN` counts only beside a surer one that it overlaps.
    Each must leave some of both shots: none begins at the first frame or ends at the last.
    ``stride``: every so many frames are searched (all are used for bounding); ``shortest`` and ``longest``: lengths in
    frames.
    """
    searched = thumbs[::stride]
    if len(searched) < 4:
        return []
    rows = hypotheses(Evidence.of(searched), max(2, shortest // stride), max(3, longest // stride))
    edge = max(2, shortest // stride)
    rows = rows.taking((rows.start >= edge) & (rows.end < len(searched) - edge))
    found = []
    for row in _best_first(rows):
        start, end = int(rows.start[row]), int(rows.end[row])
        seen = {name: float(column[row]) for name, column in vars(rows).items()}
        if without_motion(seen) < POSSIBLE:
            continue
        seen |= moved(searched, start, end)
        score = with_motion(seen)
        if score >= SUPPORTING:
            low, high = max(0, start * stride - longest), min(len(thumbs), end * stride + longest)
            around = thumbs[low:high]
            vectors = np.concatenate(picture_vectors(around), axis=1)
            bounds = bound(vectors, cell_colours(around), start * stride - low, end * stride - low)
            found.append(Gradual(low + bounds.start, low + bounds.end, score))
    return sorted(found, key=lambda gradual: gradual.start)


def moved(thumbs: Thumbnails, start: int, end: int) -> dict[str, float]:
    """What motion does not explain of the change within, and around, the interval.

    ``halves_unmoved``, ``ends_unmoved``: share of the change from one end to the middle to the other end, and from end
    to end, that is left after motion compensation; ``restless``: what is left of the change in the quarter of the
    length before and after, over what is left from end to end.
    """
    middle, margin = (start + end) // 2, max(2, (end - start) // 4)
    earlier, later = max(0, start - margin), min(len(thumbs) - 1, end + margin)

    def change(first: int, second: int) -> tuple[float, float]:
        return unexplained(thumbs[first], thumbs[second], any_light=True)

    first_left, first_raw = change(start, middle)
    second_left, second_raw = change(middle, end)
    whole_left, whole_raw = change(start, end)
    before_left, after_left = change(earlier, start)[0], change(end, later)[0]
    return {
        "halves_unmoved": (first_left + second_left) / (first_raw + second_raw + 1),
        "ends_unmoved": whole_left / (whole_raw + 1),
        "restless": (before_left + after_left) / (whole_left + 1),
    }


def _best_first(rows: Hypotheses) -> list[int]:
    """Row numbers of plausible hypotheses, each the best of those that share more than half of their time with it."""
    explained = np.where(rows.plausible(), np.maximum(rows.explained(), 0), 0)
    chosen: list[int] = []
    while explained.any():
        best = int(np.argmax(explained))
        chosen.append(best)
        shared = np.minimum(rows.end, rows.end[best]) - np.maximum(rows.start, rows.start[best])
        joined = np.maximum(rows.end, rows.end[best]) - np.minimum(rows.start, rows.start[best])
        explained[shared > SAME * joined] = 0
    return chosen
