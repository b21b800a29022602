"""All steps from a filter to verdicts, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from curation.errors import UserError
from curation.filters.check import check_filter
from curation.filters.evaluate import Verdicts, evaluate
from curation.filters.funnel import Funnel, funnel
from curation.filters.notes import notes
from curation.filters.resolve import resolve
from curation.filters.rule import Filter
from curation.filters.table import ClipTable


@dataclass(frozen=True)
class Applied:
    """What a filter does to a dataset. ``notes``: what must be said aloud, a line each: rules that were left out,
    percentiles that drop another share than they say, that nothing is kept."""

    table: ClipTable
    verdicts: Verdicts
    funnel: Funnel
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values: notes, funnel, and the rules with their numbers."""
        return {"notes": list(self.notes), **self.funnel.to_dict(), "resolved": self.verdicts.resolved.to_dict()}


def apply_filter(table: ClipTable, filter: Filter, *, skip_missing: bool = False, also: Sequence[str] = ()) -> Applied:
    """Judge all clips of a dataset; nothing is written. ``also``: columns to read together with those of the rules.

    Raises:
        UserError: the dataset has no clips; as `check_filter` and `ClipTable.need`.
    """
    checked = check_filter(filter, table.columns, table.dataset, skip_missing=skip_missing)
    table.need([*checked.columns, *also])
    if not len(table):
        raise UserError(f"{table.dataset}: has no clips; curation run adds some")
    verdicts = evaluate(resolve(checked.filter, table), table)
    skipped = (f"left out: {rule}" for rule in checked.skipped)
    nothing = () if verdicts.kept.any() else ("no clip is kept",)
    told = (*skipped, *notes(verdicts, table), *nothing)
    return Applied(table, verdicts, funnel(verdicts, table.seconds), told)
