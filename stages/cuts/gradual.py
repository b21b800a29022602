"""Dissolves and wipes in a stretch of video without hard cuts: confirmed or refuted, and bounded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stages.cuts.bounds import bound
from stages.cuts.evidence import Evidence, picture_vectors
from stages.cuts.hypotheses import Hypotheses, hypotheses
from stages.cuts.motion import unexplained
from stages.cuts.thumbnail import Thumbnails

# Of a cluster of overlapping hypotheses, this many are looked at with motion compensation.
LOOKS = 3


@dataclass(frozen=True)
class Gradual:
    """Frames start … end − 1 are mixed. ``score``: 0 … 1."""

    start: int
    end: int
    score: float


def find_gradual(thumbs: Thumbnails, stride: int, shortest: int, longest: int) -> list[Gradual]:
    """Dissolves and wipes among consecutive frames uint8 [n, THUMBNAIL_SIZE].

    ``stride``: every so many frames are searched (all are used for bounding); ``shortest`` and ``longest``: lengths in frames.
    """
    searched = thumbs[::stride]
    rows = hypotheses(Evidence.of(searched), max(2, shortest // stride), max(3, longest // stride))
    vectors = np.concatenate(picture_vectors(thumbs), axis=1)
    found = []
    for row in _best_first(rows):
        start, end = int(rows.start[row]), int(rows.end[row])
        score = confidence(rows, row, searched)
        if score >= 0.5:
            found.append(Gradual(*bound(vectors, start * stride, end * stride), score))
    return sorted(found, key=lambda gradual: gradual.start)


def _best_first(rows: Hypotheses) -> list[int]:
    """Row numbers of plausible hypotheses that no better one overlaps."""
    explained = np.where(rows.plausible(), rows.explained(), -np.inf)
    chosen: list[int] = []
    free = explained > 0
    while free.any():
        best = int(np.argmax(np.where(free, explained, -np.inf)))
        chosen.append(best)
        free &= (rows.start >= rows.end[best]) | (rows.end <= rows.start[best])
    return chosen


def features(rows: Hypotheses, row: int, thumbs: Thumbnails) -> dict[str, float]:
    """What decides about one hypothesis."""
    start, end = int(rows.start[row]), int(rows.end[row])
    middle = (start + end) // 2
    first_left, first_raw = unexplained(thumbs[start], thumbs[middle])
    second_left, second_raw = unexplained(thumbs[middle], thumbs[end])
    whole_left, whole_raw = unexplained(thumbs[start], thumbs[end])
    values = {name: float(column[row]) for name, column in vars(rows).items()}
    values["halves_unmoved"] = (first_left + second_left) / (first_raw + second_raw + 1)
    values["ends_unmoved"] = whole_left / (whole_raw + 1)
    return values


def confidence(rows: Hypotheses, row: int, thumbs: Thumbnails) -> float:
    """0 … 1: how sure it is that a hypothesis is a transition."""
    seen = features(rows, row, thumbs)
    doubt = seen["residual"] / 0.3 + seen["backward"] / 0.3 + max(0.0, seen["unrest"] - 0.3)
    unmoved = min(seen["halves_unmoved"] / 0.35, seen["ends_unmoved"] / 0.45)
    return float(1 / (1 + np.exp(-(6 * (unmoved - 1) + 2 * (1 - doubt)))))
