"""How the values of a column are spread, over all clips and over those that are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.filters import ClipTable
from curation.tune.axis import Axis, Scale
from curation.tune.tally import Bars

FEWEST_BINS, MOST_BINS = 20, 80
QUANTILES = 1000
FEW_VALUES = 24

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Histogram:
    """``counts``: int64 [bars], all clips; ``nulls``: those without a value; ``bars``: counts some of them;
    ``quantiles``: float64 [QUANTILES + 1], evenly from the least value to the greatest, empty where there is none."""

    axis: Axis
    counts: Counts
    nulls: int
    bars: Bars
    quantiles: npt.NDArray[np.float64]
    is_integer: bool

    @classmethod
    def of(cls, table: ClipTable, name: str, scale: Scale | None = None) -> Histogram:
        """The histogram of a column of numbers; ``scale``: of its axis, None lets the values decide."""
        values, missing = table.numbers(name), table.missing(name)
        ordered = table.ranking(name, ()).ordered
        bars = int(np.clip(3 * np.sqrt(len(ordered)), FEWEST_BINS, MOST_BINS))
        if len(ordered):
            axis = Axis.of(ordered, scale)
            with np.errstate(invalid="ignore"):
                bins = np.clip(axis.position(values) * bars, 0, bars - 1).astype(np.uint8)
            bins[missing] = bars
            positions = np.round(np.linspace(0, len(ordered) - 1, QUANTILES + 1)).astype(np.int64)
            quantiles = ordered[positions].astype(np.float64)
        else:
            axis, quantiles = Axis("linear", 0.0, 1.0, 1.0), np.zeros(0)
            bins = np.full(len(table), bars, np.uint8)
        counts = np.bincount(bins, minlength=bars + 1).astype(np.int64)
        return cls(axis, counts[:bars], int(counts[bars]), Bars(bins, bars + 1), quantiles, values.dtype.kind in "iu")

    def kept(self, chosen: npt.NDArray[np.bool_]) -> Counts:
        """The bars of the clips that are chosen, int64 [bars]."""
        return self.bars.count(chosen)[:-1]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "kind": "number",
            "axis": self.axis.to_dict(),
            "counts": self.counts.tolist(),
            "nulls": self.nulls,
            "quantiles": self.quantiles.tolist(),
            "is_integer": self.is_integer,
        }


@dataclass(frozen=True)
class Categories:
    """A column of texts or truth values. ``values``: the distinct ones, the most frequent first, at most `FEW_VALUES`;
    ``counts``: how many clips have each; ``bars``: counts some of them, None where there are too many values."""

    values: tuple[Any, ...]
    counts: tuple[int, ...]
    num_distinct: int
    nulls: int
    kind: str
    bars: Bars | None

    def kept(self, chosen: npt.NDArray[np.bool_]) -> Counts | None:
        """How many of the chosen clips have each value; None where there are too many different ones."""
        if self.bars is None:
            return None
        return self.bars.count(chosen)[:-1]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "kind": self.kind,
            "values": list(self.values),
            "counts": list(self.counts),
            "num_distinct": self.num_distinct,
            "nulls": self.nulls,
            "is_complete": self.bars is not None,
        }


def categories(table: ClipTable, name: str, kind: str) -> Categories:
    """The values of a column of texts or truth values."""
    groups = table.groups((name,))
    counts = np.bincount(groups.codes, minlength=len(groups))
    keys = groups.keys[name]
    there = np.flatnonzero(~keys.is_null().to_numpy())
    ordered = there[np.argsort(-counts[there], kind="stable")]
    shown = ordered[:FEW_VALUES]
    bars = None
    if len(there) <= FEW_VALUES:
        place = np.full(len(groups), len(shown), np.uint8)
        place[shown] = np.arange(len(shown), dtype=np.uint8)
        bars = Bars(place[groups.codes], len(shown) + 1)
    return Categories(
        tuple(keys[int(code)].as_py() for code in shown),
        tuple(int(counts[code]) for code in shown),
        len(there),
        int(counts.sum() - counts[there].sum()),
        kind,
        bars,
    )
