"""How alike two scores order the clips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curation.filters.table import ClipTable

MOST_CLIPS = 100_000
Values = npt.NDArray[Any]


def rank_correlation(table: ClipTable, names: Sequence[str]) -> npt.NDArray[np.float64]:
    """Spearman's rank correlation of each pair of columns, float64 [names, names], −1 … 1.

    Of the clips that have both values; equal values share the mean of their ranks. NaN where a column is constant. Of
    more than `MOST_CLIPS` clips every n-th is taken, which is as good as chance, since clip_id is a hash: the error is
    some 0.003.
    """
    step = max(1, -(-len(table) // MOST_CLIPS))
    columns = [(table.numbers(name)[::step], ~table.missing(name)[::step]) for name in names]
    result = np.full((len(names), len(names)), np.nan)
    for row, (first, has_first) in enumerate(columns):
        for column, (second, has_second) in enumerate(columns[: row + 1]):
            both = has_first & has_second
            result[row, column] = result[column, row] = _correlation(_ranks(first[both]), _ranks(second[both]))
    return result


def _ranks(values: Values) -> npt.NDArray[np.float64]:
    """Between 0 and 1, equal values at the middle of their ranks."""
    ranks: npt.NDArray[np.float64] = pc.rank_quantile(pa.array(values)).to_numpy()
    return ranks


def _correlation(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> float:
    if not len(first):
        return float("nan")
    first, second = first - first.mean(), second - second.mean()
    scale = np.sqrt((first @ first) * (second @ second))
    # Ranks of equal values differ from their mean by rounding.
    return float(first @ second / scale) if scale > len(first) * 1e-20 else float("nan")
