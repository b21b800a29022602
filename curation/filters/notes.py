"""What a user should know about the result of a filter, and would not see in its numbers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from curation.counted import counted
from curation.filters.evaluate import Verdicts
from curation.filters.percent import WHOLE, Share
from curation.filters.resolve import Number, Percentiles
from curation.filters.rule import ColumnRule
from curation.filters.table import ClipTable, Mask

# A percentile that misses its share by more than one clip and this share of the clips is told.
TOLD_FROM = 0.001


def notes(verdicts: Verdicts, table: ClipTable) -> tuple[str, ...]:
    """A line for each column without any value, and for each percentile that drops another share than it says."""
    found = []
    for verdict, resolved in zip(verdicts.rules, verdicts.resolved.rules, strict=True):
        if np.all(verdict.null):
            found.append(f"{resolved.rule.label}: every clip is dropped, because all of them have null here")
        elif isinstance(resolved.rule, ColumnRule) and resolved.percentiles is not None:
            found += _missed(resolved.rule, resolved.percentiles, table)
    return tuple(found)


def _missed(rule: ColumnRule, percentiles: Percentiles, table: ClipTable) -> Iterator[str]:
    numbers, there = table.numbers(rule.column), ~table.missing(rule.column)
    codes = percentiles.groups.codes
    if rule.spec.drop_lowest is not None and percentiles.least is not None:
        dropped = there & (numbers < percentiles.least[codes])
        yield from _line(rule, "drop_lowest", rule.spec.drop_lowest, percentiles, dropped, table)
    if rule.spec.drop_highest is not None and percentiles.greatest is not None:
        dropped = there & (numbers > percentiles.greatest[codes])
        yield from _line(rule, "drop_highest", rule.spec.drop_highest, percentiles, dropped, table)


def _line(
    rule: ColumnRule, key: str, share: Share, percentiles: Percentiles, dropped: Mask, table: ClipTable
) -> Iterator[str]:
    values = int(percentiles.count.sum())
    got, asked = int(np.count_nonzero(dropped)), values * share.parts / WHOLE
    if abs(got - asked) <= max(1, TOLD_FROM * values):
        return
    why = "equal values stay together"
    if rule.spec.within:
        why += f", and the shares of {counted(len(percentiles.groups), 'group')} are rounded each"
    else:
        bound = percentiles.bounds(0)["min" if key == "drop_lowest" else "max"]
        why += f", and {_count(rule, bound, table):,} clips have {bound:.4g}; min or max can tell what becomes of them"
    yield f"{rule.column}: {key} {share} drops {got / values:.1%} of the values: {why}"


def _count(rule: ColumnRule, value: Number, table: ClipTable) -> int:
    return int(np.count_nonzero((table.numbers(rule.column) == value) & ~table.missing(rule.column)))
