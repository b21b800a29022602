"""`curation report`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from curation.cli.options import Config, DatasetArgument, Quiet, SkipMissing
from curation.errors import DiskFullError, UserError

if TYPE_CHECKING:
    from curation.dataset.storage import Storage
    from curation.report.report import Report

NAME = "report"
GENERATOR = b'<meta name="generator" content="curation '
HEAD_BYTES = 4096


def command(
    dataset: DatasetArgument,
    filter: Annotated[
        str | None, typer.Option("--filter", "-f", metavar="NAME", help="Also what this filter makes of it.")
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE.html", help="File or URL; else DATASET's name, here."),
    ] = None,
    config: Config = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="COLUMN.KEY=VALUE", help="Change a rule for this time; can be repeated."),
    ] = None,
    skip_missing: SkipMissing = False,
    samples: Annotated[
        int, typer.Option(metavar="N", min=0, max=24, help="Clips shown on each side of a threshold; 0: no pictures.")
    ] = 6,
    quiet: Quiet = False,
) -> None:
    """Write one HTML page about DATASET: what is in it, how its scores are distributed, what a filter keeps and drops.

    The page needs nothing beside it and can be sent by mail. It shows clips just kept and just dropped by each
    threshold; no table is changed, and the filter's selection is not written.

    Example: `curation report dataset --filter lvd-f --output report.html`
    """
    from curation.config import load_config
    from curation.dataset.storage import Storage
    from curation.filters import load_filter
    from curation.report.report import build_report

    storage = Storage(dataset)
    if overrides and filter is None:
        raise UserError("--set: changes a filter; name one with --filter")
    written = None if filter is None else load_filter(load_config(config), filter, overrides or [])
    name = output or f"{_stem(storage, filter)}.html"
    folder, file = _target(name)
    try:
        report = build_report(storage, written, clips_each_side=samples, skip_missing=skip_missing)
        page = report.html.encode()
        _write(folder, file, page, name)
    except DiskFullError as error:
        raise UserError(str(error)) from error
    if not quiet:
        _tell(report, name, len(page))
    raise typer.Exit(1 if report.unreadable else 0)


def _stem(storage: Storage, filter: str | None) -> str:
    name = storage.root.rstrip("/").rsplit("/", 1)[-1] or "dataset"
    return name if filter is None else f"{name}-{filter}"


def _target(name: str) -> tuple[Storage, str]:
    """Where to write; raises UserError where something else than a report is there."""
    from curation.dataset.storage import Storage

    folder, _, file = name.rpartition("/")
    target = Storage(folder or ("/" if name.startswith("/") else "."))
    if not file.lower().endswith((".html", ".htm")):
        raise UserError(f"--output {name}: name a file that ends in .html")
    try:
        with target.fs.open(target.path(file), "rb") as there:
            is_ours = GENERATOR in there.read(HEAD_BYTES)
    except FileNotFoundError:
        return target, file
    except OSError as error:
        raise UserError(f"--output {name}: cannot be read: {error.strerror or error}") from error
    if not is_ours:
        raise UserError(f"--output {name}: is there already and is no report; name another file")
    return target, file


def _write(folder: Storage, file: str, page: bytes, name: str) -> None:
    try:
        folder.write_bytes(file, page)
    except OSError as error:
        raise UserError(f"--output {name}: cannot write there: {error.strerror or error}") from error


def _tell(report: Report, name: str, size: int) -> None:
    from curation.cli.console import table_console
    from curation.cli.funnel import closing_lines

    console = table_console()
    if report.applied is not None:
        console.print(*closing_lines(report.applied), sep="\n")
    if trouble := report.unreadable:
        reason = trouble[0].thumbnail.trouble
        console.print(
            f"{len(trouble)} of {report.num_shown} clips could not be shown: {reason}; --samples 0 leaves pictures out",
            style="red",
            markup=False,
        )
    console.print(f"Report: {name} ({size / 1e6:.1f} MB)", markup=False, soft_wrap=True)
