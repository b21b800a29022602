"""`curation filter`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curation.cli.options import AsJson, Config, DatasetArgument, Filter, Quiet, SkipMissing
from curation.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

    from curation.filters.apply import Applied

NAME = "filter"
STDOUT = "-"


def command(
    dataset: DatasetArgument,
    filter: Filter,
    config: Config = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="COLUMN.KEY=VALUE", help="Change a rule for this time; can be repeated."),
    ] = None,
    skip_missing: SkipMissing = False,
    freeze: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Also write a config file with numbers for percentiles, for the next dataset (- prints it).",
        ),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Judge all clips of DATASET by a filter: print what each rule drops, and write DATASET/selections/NAME.parquet.

    No video is read and no table is changed. The selection says of each clip whether it is kept, the first rule that
    drops it, and all rules that do.

    Example: `curation filter dataset --filter lvd-f --set motion_score.drop_lowest=50%`
    """
    import json

    from curation.cli.console import table_console
    from curation.config import load_config
    from curation.dataset.description import read_description
    from curation.dataset.storage import Storage
    from curation.filters import ClipTable, load_filter, write_selection
    from curation.filters.apply import apply_filter

    if freeze is not None:
        _check_free(freeze, as_json)
    storage = Storage(dataset)
    read_description(storage)
    wanted = load_filter(load_config(config), filter, overrides or [])
    applied = apply_filter(ClipTable.open(storage), wanted, skip_missing=skip_missing)
    frozen = None if freeze is None else _frozen(applied, dataset)
    file = f"{dataset.rstrip('/')}/{write_selection(storage, applied.verdicts, applied.table)}"
    if frozen is not None and freeze is not None:
        _put(freeze, frozen)
    if as_json:
        print(json.dumps({"filter": filter, "selection": file, **applied.to_dict()}, indent=2, default=str))
    elif not quiet:
        _show(applied, file, table_console(stderr=freeze == STDOUT))


def _check_free(freeze: str, as_json: bool) -> None:
    if freeze == STDOUT and as_json:
        raise UserError("--freeze -: --json prints to standard output too; name a file instead of -")
    if freeze != STDOUT and Path(freeze).exists():
        raise UserError(f"--freeze {freeze}: is there already; name a new file")


def _frozen(applied: Applied, dataset: str) -> str:
    from curation.filters import freeze, to_yaml
    from curation.sources.location import shown

    resolved = applied.verdicts.resolved
    head = f"# The filter {resolved.filter.name} with the numbers that its percentiles are in {shown(dataset)}.\n"
    return head + to_yaml(freeze(resolved, applied.table))


def _put(freeze: str, text: str) -> None:
    if freeze == STDOUT:
        print(text, end="")
        return
    try:
        Path(freeze).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"--freeze {freeze}: cannot write there: {error.strerror}") from error


def _show(applied: Applied, file: str, console: Console) -> None:
    from curation.cli.funnel import closing_lines, funnel_table

    console.print(funnel_table(applied.funnel, applied.verdicts.resolved.rules, console))
    console.print(*closing_lines(applied), sep="\n")
    console.print(file, markup=False, soft_wrap=True)
