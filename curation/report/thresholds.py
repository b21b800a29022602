"""Where the rules of a filter divide the numbers of a column."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from curation.filters.evaluate import Verdicts
from curation.filters.resolve import ResolvedRule
from curation.filters.rule import ColumnRule
from curation.filters.table import ClipTable
from curation.stats.amounts import number

Side = Literal["min", "max"]


@dataclass(frozen=True)
class Threshold:
    """One end of what a rule keeps: from (``side`` "min") or up to ("max") a bound, which is kept itself.

    ``rule``: the place of the rule in the filter; ``least`` and ``greatest``: the bound, two numbers where each of
    ``num_groups`` groups has its own; ``margin``: float64 [clips], how far inside of it a value is, negative outside,
    NaN where there is no value.
    """

    rule: int
    column: str
    side: Side
    least: float
    greatest: float
    num_groups: int
    margin: npt.NDArray[np.float64]

    @property
    def label(self) -> str:
        """``≥ 1.79``."""
        sign = "≥" if self.side == "min" else "≤"
        if self.num_groups == 1:
            return f"{sign} {number(self.least)}"
        return f"{sign} {number(self.least)} … {number(self.greatest)}, by group"

    @property
    def bound(self) -> str:
        """``1.79``."""
        if self.num_groups == 1:
            return number(self.least)
        return f"the bound of their group ({number(self.least)} … {number(self.greatest)})"


def thresholds(verdicts: Verdicts, table: ClipTable) -> list[Threshold]:
    """Those of all rules over numbers, in the order of the rules."""
    return [
        threshold
        for place, resolved in enumerate(verdicts.resolved.rules)
        if isinstance(resolved.rule, ColumnRule)
        for threshold in _of_rule(place, resolved, resolved.rule, table)
    ]


def _of_rule(place: int, resolved: ResolvedRule, rule: ColumnRule, table: ClipTable) -> Iterator[Threshold]:
    percentiles = resolved.percentiles
    least = None if percentiles is None else percentiles.least
    greatest = None if percentiles is None else percentiles.greatest
    ends: tuple[tuple[Side, float | None, npt.NDArray[Any] | None], ...] = (
        ("min", rule.spec.min, least),
        ("max", rule.spec.max, greatest),
    )
    for side, written, by_group in ends:
        bounds = _bounds(side, written, by_group)
        if bounds is None:
            continue
        codes = 0 if percentiles is None or len(bounds) == 1 else percentiles.groups.codes
        counted = bounds if percentiles is None or len(bounds) == 1 else bounds[percentiles.count > 0]
        if not len(counted):
            continue
        inside = table.numbers(rule.column).astype(np.float64) - bounds[codes]
        margin = np.where(table.missing(rule.column), np.nan, inside if side == "min" else -inside)
        yield Threshold(place, rule.column, side, float(counted.min()), float(counted.max()), len(counted), margin)


def _bounds(side: Side, written: float | None, by_group: npt.NDArray[Any] | None) -> npt.NDArray[np.float64] | None:
    """Of what is written and what percentiles say, the stricter; one for each group."""
    if by_group is None:
        return None if written is None else np.array([written], np.float64)
    bounds = by_group.astype(np.float64)
    if written is None:
        return bounds
    return np.maximum(bounds, written) if side == "min" else np.minimum(bounds, written)
