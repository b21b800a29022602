"""The statistics of a dataset: overall, and in groups such as its sources."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.filters.funnel import Amount
from curation.filters.table import ClipTable, Mask
from curation.stats.columns import error_column
from curation.stats.correlation import rank_correlation
from curation.stats.distribution import Distribution, distribution


@dataclass(frozen=True)
class Statistics:
    """``total``: all clips; ``columns``: the distribution of each score; ``correlation``: float64 [columns, columns],
    see `rank_correlation`."""

    total: Amount
    columns: dict[str, Distribution]
    correlation: npt.NDArray[np.float64]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; a correlation that is not known is null."""
        rows = [[None if np.isnan(value) else float(value) for value in row] for row in self.correlation]
        return {
            "clips": self.total.clips,
            "seconds": self.total.seconds,
            "columns": {name: column.to_dict() for name, column in self.columns.items()},
            "correlation": {"columns": list(self.columns), "rows": rows},
        }


@dataclass(frozen=True)
class GroupStatistics:
    """The clips that have ``key`` in a column; ``kept``: what a filter keeps of them, None without a filter."""

    key: Any
    total: Amount
    kept: Amount | None
    columns: dict[str, Distribution]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        kept = {} if self.kept is None else {"kept_clips": self.kept.clips, "kept_seconds": self.kept.seconds}
        return {
            "key": self.key,
            "clips": self.total.clips,
            "seconds": self.total.seconds,
            **kept,
            "columns": {name: column.to_dict() for name, column in self.columns.items()},
        }


def describe(table: ClipTable, names: Sequence[str]) -> Statistics:
    """Statistics of all clips, one or more, for the columns ``names``, which hold numbers."""
    return Statistics(
        Amount(len(table), float(table.seconds.sum())),
        {name: next(_distributions(table, name, (), [0])) for name in names},
        rank_correlation(table, names),
    )


def describe_groups(
    table: ClipTable, names: Sequence[str], by: str, *, kept: Mask | None = None, most: int = 20
) -> tuple[list[GroupStatistics], int]:
    """Statistics of the clips that are equal in the column ``by``: of the ``most`` largest groups, the largest first;
    and how many groups there are."""
    groups = table.groups((by,))
    clips = np.bincount(groups.codes, minlength=len(groups))
    seconds = np.bincount(groups.codes, weights=table.seconds, minlength=len(groups))
    largest = np.argsort(-clips, kind="stable")[:most]
    columns = {name: list(_distributions(table, name, (by,), largest)) for name in names}
    survivors: list[Amount | None] = [None] * len(groups)
    if kept is not None:
        left = np.bincount(groups.codes[kept], minlength=len(groups))
        length = np.bincount(groups.codes[kept], weights=table.seconds[kept], minlength=len(groups))
        survivors = [Amount(int(number), float(size)) for number, size in zip(left, length, strict=True)]
    found = [
        GroupStatistics(
            groups.key(int(code))[by],
            Amount(int(clips[code]), float(seconds[code])),
            survivors[code],
            {name: columns[name][place] for name in names},
        )
        for place, code in enumerate(largest)
    ]
    return found, len(groups)


def _distributions(
    table: ClipTable, name: str, within: tuple[str, ...], wanted: Iterable[int]
) -> Iterator[Distribution]:
    """The distribution of a column in each of the ``wanted`` groups."""
    groups, ranking, missing = table.groups(within), table.ranking(name, within), table.missing(name)
    nulls = np.bincount(groups.codes[missing], minlength=len(groups))
    error = error_column(name, table.columns)
    failed = missing & ~table.missing(error) if error else np.zeros(len(table), np.bool_)
    failures = np.bincount(groups.codes[failed], minlength=len(groups))
    for group in wanted:
        start, count = ranking.start[group], ranking.count[group]
        yield distribution(ranking.ordered[start : start + count], int(nulls[group]), int(failures[group]))
