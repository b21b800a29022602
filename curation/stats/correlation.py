"""How alike two scores order the clips."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curation.filters.table import ClipTable

MOST_CLIPS = 250_000


def rank_correlation(table: ClipTable, names: Sequence[str]) -> npt.NDArray[np.float64]:
    """Spearman's rank correlation of each pair of columns, float64 [names, names], −1 … 1.

    Over the clips that have both values, with the ranks that these have in their own column; equal values share a rank.
    NaN where a column is constant or fewer than two clips have both. Of more than `MOST_CLIPS` clips every n-th is
    taken, which is as good as chance, since clip_id is a hash: the error is some 0.002.
    """
    ranks = [_ranks(table, name) for name in names]
    result = np.full((len(names), len(names)), np.nan)
    for row, first in enumerate(ranks):
        for column, second in enumerate(ranks[: row + 1]):
            both = ~(np.isnan(first) | np.isnan(second))
            result[row, column] = result[column, row] = _pearson(first[both], second[both])
    return result


def _ranks(table: ClipTable, name: str) -> npt.NDArray[np.float64]:
    """0 … 1, equal values at the middle of their ranks; NaN where a value is missing."""
    step = -(-len(table) // MOST_CLIPS)
    missing = table.missing(name)[::step]
    values = pa.array(table.numbers(name)[::step], mask=missing)
    return np.where(missing, np.nan, pc.rank_quantile(values).to_numpy())


def _pearson(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> float:
    if len(first) < 2:
        return float("nan")
    first, second = first - first.mean(), second - second.mean()
    scale = np.sqrt((first @ first) * (second @ second))
    return float(first @ second / scale) if scale > 0 else float("nan")
