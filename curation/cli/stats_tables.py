"""Statistics as tables of the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from curation.cli.bars import bars
from curation.counted import counted
from curation.filters import Amount
from curation.stats.amounts import Lengths, number, share
from curation.stats.describe import GroupStatistics, Statistics
from curation.stats.distribution import QUANTILES, Distribution

NARROW = 120
BAR_WIDTH = 24
LONGEST_KEY = 40
Range = tuple[float, float]
Row = tuple[str, Distribution, Range | None]
HEADINGS = ("min", *("median" if quantile == 0.5 else f"{quantile:.0%}" for quantile in QUANTILES), "max")


def distributions(what: str, rows: Sequence[Row], console: Console) -> RenderableType:
    """A row per distribution: missing values, histogram, quantiles; in a narrow console three lines for each.

    ``what``: the heading of the names; a row is a name, its distribution, and the range that a filter keeps.
    """
    if console.width < NARROW:
        return Group(*(_lines(name, row, kept, console.width) for name, row, kept in rows))
    table = Table(what, "values", "nulls", "failed", "histogram", *HEADINGS)
    for column in (*table.columns[1:4], *table.columns[5:]):
        column.justify = "right"
    table.columns[0].overflow = "fold"
    for name, row, kept in rows:
        drawn = bars(row.histogram, BAR_WIDTH, kept) if row.histogram else ""
        table.add_row(Text(name), f"{row.count:,}", _or_none(row.nulls), _or_none(row.failed), drawn, *_numbers(row))
    return table


def correlations(found: Statistics) -> Table | None:
    """The triangle of rank correlations of columns that vary, which carry the numbers of its rows; None for less than
    two of them."""
    names = list(found.columns)
    varying = [index for index, name in enumerate(names) if found.columns[name].varies]
    if len(varying) < 2:
        return None
    table = Table("rank correlation", *map(str, range(1, len(varying))))
    for column in table.columns[1:]:
        column.justify = "right"
    for place, row in enumerate(varying):
        values = found.correlation[row, varying[:place]]
        table.add_row(Text(f"{place + 1} {names[row]}"), *map(_coefficient, values.tolist()))
    return table


def groups(
    by: str,
    found: Sequence[GroupStatistics],
    num: int,
    total: Amount,
    ranges: Sequence[Mapping[str, Range]],
    console: Console,
) -> None:
    """Print how large the groups are, what a filter keeps of them, and the distribution of each score in them.

    ``ranges``: of each group, what the filter keeps of each score.
    """
    lengths = Lengths(total.seconds)
    table = Table(by, "clips", "share", "length", *(() if found[0].kept is None else ("kept", "of it", "kept length")))
    for column in table.columns[1:]:
        column.justify = "right"
    table.columns[0].overflow = "fold"
    for group in found:
        kept = group.kept
        left = () if kept is None else (f"{kept.clips:,}", share(kept.clips, group.total.clips), lengths(kept.seconds))
        sizes = (f"{group.total.clips:,}", share(group.total.clips, total.clips), lengths(group.total.seconds))
        table.add_row(Text(_key(group)), *sizes, *left)
    console.print(table)
    if num > len(found):
        console.print(f"… {counted(num - len(found), 'smaller group')}; --groups N shows more")
    for name in (name for name in found[0].columns if any(group.columns[name].varies for group in found)):
        rows = [(_key(group), group.columns[name], kept.get(name)) for group, kept in zip(found, ranges, strict=True)]
        console.print(Text(f"\n{name} by {by}", style="bold"))
        console.print(distributions(by, rows, console))


def _lines(name: str, row: Distribution, kept: Range | None, width: int) -> RenderableType:
    missing = (
        counted(row.nulls, "null") + (f", {row.failed:,} of them failed" if row.failed else "") if row.nulls else ""
    )
    head = Text.assemble((name, "bold"), f"  {counted(row.count, 'value')}", f"  {missing}" if missing else "")
    if row.histogram is None:
        return head
    numbers = "  ".join(f"{heading} {value}" for heading, value in zip(HEADINGS, _numbers(row), strict=True))
    return Group(head, bars(row.histogram, min(width, len(row.histogram.counts)), kept), Text(numbers, style="dim"))


def _numbers(row: Distribution) -> tuple[str, ...]:
    if row.minimum is None or row.maximum is None or row.quantiles is None:
        return ("",) * len(HEADINGS)
    return tuple(number(value) for value in (row.minimum, *row.quantiles, row.maximum))


def _or_none(count: int) -> str:
    return f"{count:,}" if count else ""


def _coefficient(value: float) -> Text:
    if isnan(value):
        return Text("–")
    return Text(f"{value:+.2f}", style="bold" if abs(value) >= 0.5 else "" if abs(value) >= 0.1 else "dim")


def _key(group: GroupStatistics) -> str:
    """The end of a long key, such as the name of a file, tells more than its beginning."""
    key = "null" if group.key is None else str(group.key)
    return key if len(key) <= LONGEST_KEY else f"…{key[1 - LONGEST_KEY :]}"
