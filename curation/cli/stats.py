"""`curation stats`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from curation.cli.options import AsJson, Config, DatasetArgument, SkipMissing
from curation.counted import counted
from curation.errors import UserError

if TYPE_CHECKING:
    from curation.filters.apply import Applied
    from curation.stats.describe import GroupStatistics, Statistics

NAME = "stats"


def command(
    dataset: DatasetArgument,
    columns: Annotated[
        list[str] | None,
        typer.Option("--column", "-c", metavar="NAME", help="Only this column of numbers; can be repeated."),
    ] = None,
    by: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Also for each group: source, label, width, …")
    ] = None,
    groups: Annotated[int, typer.Option(metavar="N", min=1, help="With --by: show the N largest groups.")] = 20,
    filter: Annotated[
        str | None, typer.Option("--filter", "-f", metavar="NAME", help="Also what each rule of this filter keeps.")
    ] = None,
    config: Config = None,
    skip_missing: SkipMissing = False,
    as_json: AsJson = False,
) -> None:
    """Show how the scores of DATASET are distributed: histograms, quantiles, missing values, correlation.

    Nothing is written. With --filter bins that a rule of the filter drops are red.

    Example: `curation stats dataset --by source --filter lvd-f`
    """
    import json

    from curation.cli.console import table_console
    from curation.config import load_config
    from curation.dataset.description import read_description
    from curation.dataset.storage import Storage
    from curation.filters import ClipTable, load_filter
    from curation.filters.apply import apply_filter
    from curation.filters.selection import outdated
    from curation.stats.columns import chosen, error_columns, group_column, scores
    from curation.stats.describe import describe, describe_groups

    storage = Storage(dataset)
    read_description(storage)
    table = ClipTable.open(storage)
    names = chosen(columns, table.columns) if columns else scores(table.columns)
    wanted = [*names, *error_columns(names, table.columns), *([group_column(by, table.columns)] if by else [])]
    applied = None
    if filter is not None:
        written = load_filter(load_config(config), filter)
        applied = apply_filter(table, written, skip_missing=skip_missing, also=wanted)
    table.need(wanted)
    if not len(table):
        raise UserError(f"{dataset}: has no clips; curation run adds some")
    found = describe(table, names)
    kept = applied.verdicts.kept if applied else None
    largest, num = describe_groups(table, names, by, kept=kept, most=groups) if by else ([], 0)
    if as_json:
        told: dict[str, Any] = found.to_dict()
        told |= {"by": by, "num_groups": num, "groups": [group.to_dict() for group in largest]} if by else {}
        told |= {"filter": {"name": filter, **applied.to_dict()}} if applied else {}
        print(json.dumps(told, indent=2, default=str))
    else:
        _show(found, by, largest, num, applied)
        if applied and (stale := outdated(storage, applied.verdicts.resolved.filter, table.fingerprint)):
            table_console().print(f"note: {stale}", markup=False)


def _show(found: Statistics, by: str | None, largest: list[GroupStatistics], num: int, applied: Applied | None) -> None:
    from curation.cli.console import table_console
    from curation.cli.funnel import closing_lines, funnel_table, kept_ranges
    from curation.cli.stats_tables import correlations, distributions, groups
    from curation.stats.amounts import Lengths

    console = table_console()
    console.print(
        f"[bold]{counted(found.total.clips, 'clip')}[/bold], {Lengths(found.total.seconds)(found.total.seconds)}"
    )
    ranges = kept_ranges(applied) if applied else {}
    console.print(
        distributions("score", [(name, row, ranges.get(name)) for name, row in found.columns.items()], console)
    )
    if table := correlations(found):
        console.print(table)
    if by is not None:
        of_groups = [kept_ranges(applied, (by, group.key)) if applied else {} for group in largest]
        groups(by, largest, num, found.total, of_groups, console)
    if applied is not None:
        console.print(funnel_table(applied.funnel, applied.verdicts.resolved.rules, console))
        console.print(*closing_lines(applied), sep="\n")
