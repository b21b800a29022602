"""The distribution of one column: quantiles and a histogram."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
BINS = 48
# The histogram spans these quantiles, so that a few far values do not squash it; they are counted in its last bins.
SPAN = (0.002, 0.998)


@dataclass(frozen=True)
class Histogram:
    """``edges``: float64 [bins + 1], equally spaced; ``counts``: int64 [bins], the first and the last with what lies
    beyond them."""

    edges: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Distribution:
    """Values of a column. ``quantiles``: those of `QUANTILES`; ``nulls``: clips without a value, and ``failed`` of them
    because their stage failed. Without any value all numbers are None."""

    count: int
    nulls: int
    failed: int
    minimum: float | None
    quantiles: tuple[float, ...] | None
    maximum: float | None
    mean: float | None
    histogram: Histogram | None

    @property
    def varies(self) -> bool:
        """Whether there are two different values."""
        return self.minimum != self.maximum

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        named = None if self.quantiles is None else dict(zip(map(str, QUANTILES), self.quantiles, strict=True))
        drawn = self.histogram
        return {
            "count": self.count,
            "nulls": self.nulls,
            "failed": self.failed,
            "min": self.minimum,
            "quantiles": named,
            "max": self.maximum,
            "mean": self.mean,
            "histogram": drawn and {"edges": drawn.edges.tolist(), "counts": drawn.counts.tolist()},
        }


def distribution(ordered: npt.NDArray[Any], nulls: int, failed: int, bins: int = BINS) -> Distribution:
    """Of values in ascending order, none of them missing."""
    if not len(ordered):
        return Distribution(0, nulls, failed, None, None, None, None, None)
    ordered = ordered.astype(np.float64, copy=False)
    return Distribution(
        len(ordered),
        nulls,
        failed,
        float(ordered[0]),
        tuple(np.quantile(ordered, QUANTILES).tolist()),
        float(ordered[-1]),
        float(ordered.mean()),
        histogram(ordered, bins),
    )


def histogram(ordered: npt.NDArray[Any], bins: int = BINS) -> Histogram:
    """Of values in ascending order, one or more; a constant gets one bin."""
    low, high = (float(value) for value in np.quantile(ordered, SPAN))
    if low == high:
        low, high = float(ordered[0]), float(ordered[-1])
    if low == high:
        return Histogram(np.array([low, high]), np.array([len(ordered)]))
    edges = np.linspace(low, high, bins + 1)
    inner = np.searchsorted(ordered, edges[1:-1], side="left")
    return Histogram(edges, np.diff(np.concatenate([[0], inner, [len(ordered)]])))
