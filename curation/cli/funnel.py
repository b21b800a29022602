"""The funnel of a filter as a table."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from curation.counted import counted
from curation.filters import Amount, ColumnRule, Funnel, ResolvedRule
from curation.filters.apply import Applied
from curation.stats.amounts import Lengths, share

NARROW = 110
HEADINGS = ("nulls", "drops alone", "drops at its place", "only it drops", "kept after it")
NARROW_HEADINGS = ("nulls", "alone", "at its\nplace", "only it", "kept")


def funnel_table(funnel: Funnel, rules: Sequence[ResolvedRule], console: Console) -> Table:
    """A row per rule: its nulls; what it drops alone, at its place, and what only it drops; what is kept after it."""
    lengths = Lengths(funnel.total.seconds)
    narrow = console.width < NARROW
    gap = "\n" if narrow else "  "

    def cell(part: Amount) -> str:
        return gap.join((f"{part.clips:,}", share(part.clips, funnel.total.clips), lengths(part.seconds)))

    headings = NARROW_HEADINGS if narrow else HEADINGS
    table = Table("rule", *(Column(heading, justify="right") for heading in headings))
    table.columns[0].overflow = "fold"
    table.add_row("all clips", "", "", "", "", cell(funnel.total), end_section=True)
    for row, rule in zip(funnel.rows, rules, strict=True):
        label = Text(row.label)
        if bounds := numbers(rule):
            label.append(f"\n{bounds}", style="dim")
        nulls = f"{row.nulls:,}" if row.nulls else ""
        table.add_row(label, nulls, cell(row.alone), cell(row.here), cell(row.only), cell(row.left))
    return table


def numbers(rule: ResolvedRule) -> str:
    """What the percentiles of a rule are: ``from 1.79 to 80.2``; nothing for a rule without percentiles."""
    if rule.percentiles is None:
        return ""
    if rule.percentiles.groups.names:
        return f"in {counted(len(rule.percentiles.groups), 'group')}"
    bounds = rule.percentiles.bounds(0)
    return " ".join(f"{word} {bounds[key]:.4g}" for word, key in (("from", "min"), ("to", "max")) if key in bounds)


def closing_lines(applied: Applied) -> list[Text]:
    """What must be said aloud, and how much is kept."""
    found = applied.funnel
    lengths = Lengths(found.total.seconds)
    kept = (
        f"{found.kept.clips:,} of {counted(found.total.clips, 'clip')} ({share(found.kept.clips, found.total.clips)})"
    )
    length = f"{lengths(found.kept.seconds)} of {lengths(found.total.seconds)}"
    notes = [Text.assemble(("note: ", "yellow"), note) for note in applied.notes]
    return [*notes, Text.assemble((f"Kept {kept}", "bold"), f", {length}")]


def kept_ranges(applied: Applied, group: tuple[str, Any] | None = None) -> dict[str, tuple[float, float]]:
    """Of the columns that a filter has bounds for, between which values it keeps clips; ``group``: those that have a
    value in a column, which may have percentiles of their own."""
    ranges: dict[str, tuple[float, float]] = {}
    for rule in applied.verdicts.resolved.rules:
        bounds = rule.bounds() if group is None else rule.bounds_within(*group)
        if bounds and isinstance(rule.rule, ColumnRule):
            least, greatest = ranges.get(rule.rule.column, (-inf, inf))
            ranges[rule.rule.column] = (max(least, bounds.get("min", -inf)), min(greatest, bounds.get("max", inf)))
    return ranges
