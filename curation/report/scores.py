"""The scores of a dataset: how each is distributed, how much of it a filter keeps, and where its thresholds are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curation.filters.table import ClipTable, Mask
from curation.report.thresholds import Threshold
from curation.stats.columns import OF_THE_CLIP, scores
from curation.stats.distribution import BINS, Distribution

Edges = npt.NDArray[np.float64]
FEWEST_BINS = 8
MARGIN = 0.04


@dataclass(frozen=True)
class Score:
    """A column of numbers, integers where it ``is_whole``. ``counts`` and ``kept`` (None without a filter): clips in
    each bin between ``edges``, the first and the last with what lies beyond; no edges where no clip has a value."""

    name: str
    stage: str | None
    is_whole: bool
    distribution: Distribution
    thresholds: tuple[Threshold, ...]
    edges: Edges
    counts: npt.NDArray[np.int64]
    kept: npt.NDArray[np.int64] | None


def shown_scores(table: ClipTable, found: Sequence[Threshold]) -> list[str]:
    """Columns that get a histogram: those with thresholds, in the order of the rules, then the other scores."""
    ruled = [threshold.column for threshold in found]
    others = [name for name in scores(table.columns) if name not in OF_THE_CLIP]
    return list(dict.fromkeys([*ruled, *others]))


def score(
    table: ClipTable, name: str, distribution: Distribution, found: Sequence[Threshold], kept: Mask | None
) -> Score:
    """``found``: all thresholds of the filter; ``kept``: bool [clips], what it keeps."""
    own = tuple(threshold for threshold in found if threshold.column == name)
    stage = table.columns[name].stage
    values, there = table.numbers(name), ~table.missing(name)
    is_whole = values.dtype.kind in "iu"
    bounds = [bound for threshold in own for bound in (threshold.least, threshold.greatest)]
    edges = bin_edges(distribution, bounds, is_whole=is_whole)
    counts = counted(values[there], edges)
    counts_kept = None if kept is None else counted(values[there & kept], edges)
    return Score(name, stage, is_whole, distribution, own, edges, counts, counts_kept)


def bin_edges(distribution: Distribution, bounds: Sequence[float] = (), *, is_whole: bool = False) -> Edges:
    """Equal bins over nearly all values; no more of them than the number of values can fill. Bounds that are not far
    away are inside, and the first of these is an edge, so that no bar is on both sides of it.

    ``is_whole``: the values are integers, and the edges too.
    """
    if distribution.histogram is None:
        return np.zeros(0)
    low, high = float(distribution.histogram.edges[0]), float(distribution.histogram.edges[-1])
    if low == high:
        reach = abs(low) / 10 or 0.5
        low, high = low - reach, high + reach
    span = high - low
    near = [bound for bound in bounds if low - span <= bound <= high + span]
    low = min([low, *(bound - MARGIN * span for bound in near)])
    high = max([high, *(bound + MARGIN * span for bound in near)])
    num = min(BINS, max(FEWEST_BINS, math.ceil(2 * math.sqrt(distribution.count))))
    width = (high - low) / num
    if is_whole:
        width, low = math.ceil(width), math.floor(low)
        near = [math.ceil(bound) for bound in near]
        num = math.ceil((high - low) / width) + 1
    if near:
        low = near[0] - math.ceil((near[0] - low) / width) * width
        num += 1
    edges: Edges = low + width * np.arange(num + 1, dtype=np.float64)
    return edges


def counted(values: npt.NDArray[np.generic], edges: Edges) -> npt.NDArray[np.int64]:
    """How many values are in each bin, those beyond the edges in the first and the last."""
    if not len(edges):
        return np.zeros(0, np.int64)
    inner = np.searchsorted(edges[1:-1], values.astype(np.float64), side="right")
    return np.bincount(inner, minlength=len(edges) - 1).astype(np.int64)
