"""From percentiles to numbers: what a filter means on one dataset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.filters.groups import Groups
from curation.filters.rule import ColumnRule, Filter, Rule, SqlRule
from curation.filters.table import ClipTable

Number = int | float
MOST_GROUPS_TOLD = 10_000


@dataclass(frozen=True)
class Percentiles:
    """The percentiles of a rule as numbers, for each of ``groups`` (one group without ``within``).

    ``least`` and ``greatest``: [groups], the values between which clips are kept, both inclusive; None where the rule
    has no such percentile. ``count``: int64 [groups], how many values a group has; its bounds mean nothing where 0.
    """

    groups: Groups
    count: npt.NDArray[np.int64]
    least: npt.NDArray[Any] | None = None
    greatest: npt.NDArray[Any] | None = None

    def bounds(self, group: int) -> dict[str, Number]:
        """``min`` and ``max`` of one group, those that it has."""
        if not self.count[group]:
            return {}
        pairs = (("min", self.least), ("max", self.greatest))
        return {key: values[group].item() for key, values in pairs if values is not None}


@dataclass(frozen=True)
class ResolvedRule:
    """A rule, with its percentiles as numbers where it has some."""

    rule: Rule
    percentiles: Percentiles | None = None

    def bounds(self) -> dict[str, Number]:
        """``min`` and ``max`` that hold for all clips: what is written, and percentiles of all clips."""
        if isinstance(self.rule, SqlRule):
            return {}
        spec = self.rule.spec
        found: dict[str, Number] = {}
        if self.percentiles is not None and not spec.within and len(self.percentiles.groups):
            found = self.percentiles.bounds(0)
        return self._with_written(found)

    def bounds_within(self, column: str, key: Any) -> dict[str, Number]:
        """As `bounds`, for the clips that have ``key`` in ``column``: with the percentiles of that group."""
        if isinstance(self.rule, SqlRule) or self.percentiles is None or self.rule.spec.within != (column,):
            return self.bounds()
        code = self.percentiles.groups.code(column, key)
        return self._with_written({} if code is None else self.percentiles.bounds(code))

    def _with_written(self, found: dict[str, Number]) -> dict[str, Number]:
        assert isinstance(self.rule, ColumnRule)
        spec = self.rule.spec
        if spec.min is not None:
            found["min"] = max(spec.min, found.get("min", spec.min))
        if spec.max is not None:
            found["max"] = min(spec.max, found.get("max", spec.max))
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values: the rule as written, its label, its bounds; of at most `MOST_GROUPS_TOLD` groups."""
        told: dict[str, Any] = {"rule": self.rule.to_dict(), "label": self.rule.label, **self.bounds()}
        if self.percentiles is not None and self.percentiles.groups.names:
            groups = self.percentiles.groups
            told["num_groups"] = len(groups)
            told["groups"] = [
                {**groups.key(code), **self.percentiles.bounds(code), "clips": int(self.percentiles.count[code])}
                for code in range(min(len(groups), MOST_GROUPS_TOLD))
            ]
        return told


@dataclass(frozen=True)
class ResolvedFilter:
    """A filter with the numbers that its percentiles are in one table; only that table can be judged by it."""

    filter: Filter
    rules: tuple[ResolvedRule, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"name": self.filter.name, "rules": [rule.to_dict() for rule in self.rules]}


def resolve(filter: Filter, table: ClipTable) -> ResolvedFilter:
    """Look up the percentiles in ``table``, over all of its clips that have a value: other rules, and the order of the
    rules, have no part in it. The filter must have passed `check_filter`."""
    return ResolvedFilter(filter, tuple(_resolved(rule, table) for rule in filter.rules))


def percentiles_of(rule: ColumnRule, table: ClipTable, within: tuple[str, ...]) -> Percentiles:
    """The percentiles of a rule as numbers, in the groups of clips that are equal in the columns ``within``."""
    lowest, highest = rule.spec.drop_lowest, rule.spec.drop_highest
    ranking = table.ranking(rule.column, within)
    return Percentiles(
        table.groups(within),
        ranking.count,
        None if lowest is None else ranking.least_kept(lowest),
        None if highest is None else ranking.greatest_kept(highest),
    )


def _resolved(rule: Rule, table: ClipTable) -> ResolvedRule:
    if isinstance(rule, SqlRule) or (rule.spec.drop_lowest is None and rule.spec.drop_highest is None):
        return ResolvedRule(rule)
    return ResolvedRule(rule, percentiles_of(rule, table, rule.spec.within))
