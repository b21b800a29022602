"""`curation models`: the weights that a pipeline or a recipe needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from curation.cli.needed_weights import DEFAULT_PIPELINE, Source
from curation.cli.options import Config
from curation.errors import UserError

if TYPE_CHECKING:
    from curation.stage import NeededFile, Requirement

NAME = "models"
Stage = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Only this stage; one that the pipeline lacks is taken with its defaults."),
]
Pipeline = Annotated[
    str | None,
    typer.Option("--pipeline", "-p", metavar="NAME", help=f"Pipeline of the config file; default: {DEFAULT_PIPELINE}."),
]
Recipe = Annotated[
    str | None, typer.Option("--recipe", "-r", metavar="NAME", help="Recipe of the config file, in a pipeline's place.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Override a parameter of a stage, or of the recipe; can be repeated."
    ),
]
app = typer.Typer(
    help="Weights that a pipeline or a recipe needs: list, pull, check.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


@app.command("list")
def list_models(
    pipeline: Pipeline = None,
    recipe: Recipe = None,
    config: Config = None,
    overrides: Overrides = None,
    stage: Stage = None,
) -> None:
    """Show every weight file that a pipeline or a recipe needs: its size, and where it is on this machine.

    Example: `curation models list --pipeline lvd`

    Exit status: 0; 1 where the files of a model cannot be told; 2 bad config.
    """
    from rich.console import Console
    from rich.table import Table

    source = Source(config, overrides or (), pipeline, stage, recipe)
    table = Table("stage", "file", "size", "where", title=f"weights of the {source}")
    table.columns[1].overflow = table.columns[3].overflow = "fold"
    sizes: dict[bool, dict[str, int]] = {True: {}, False: {}}
    troubles = []
    for user, requirement in source.needs():
        try:
            files = requirement.files()
        except UserError as error:
            troubles.append(str(error))
            about = f"about {_size(requirement.download_bytes)}" if requirement.download_bytes else "?"
            table.add_row(user, requirement.name, about, "[red]not here[/red]")
            continue
        if not files and requirement.problem:
            troubles.append(f"{user}: {requirement.problem}")
        for file in files:
            where = str(file.path) if file.path else "[red]not here[/red]"
            identity = where if file.path else f"{requirement.name} {file.name}"
            sizes[file.path is not None][identity] = file.num_bytes or 0
            table.add_row(user, file.name, _size(file.num_bytes), where)
    console = Console()
    console.print(table)
    for there, word in ((True, "here"), (False, "to fetch")):
        console.print(f"{word}: {len(sizes[there])} files, {_size(sum(sizes[there].values()))}")
    _report(troubles)


@app.command("pull")
def pull_models(
    pipeline: Pipeline = None,
    recipe: Recipe = None,
    config: Config = None,
    overrides: Overrides = None,
    stage: Stage = None,
) -> None:
    """Fetch the weights of a pipeline or a recipe ahead of a job. What is here is not fetched again.

    Example: `curation models pull --pipeline lvd`, `curation models pull --recipe video`

    Exit status: 0 all is here; 1 something could not be fetched; 2 bad config.
    """
    from rich.console import Console

    source = Source(config, overrides or (), pipeline, stage, recipe)
    console = Console()
    troubles = []
    for user, requirement in source.needs():
        if requirement.fetch is None:
            if requirement.problem:
                troubles.append(f"{user}: {requirement.problem}")
            continue
        try:
            missing = [file for file in requirement.files() if file.path is None]
            if missing:
                total = sum(file.num_bytes or 0 for file in missing)
                console.print(f"{user}: fetching {requirement.name}: {len(missing)} files, {_size(total)}")
            requirement.fetch()
        except UserError as error:
            troubles.append(str(error))
        else:
            console.print(f"{user}: {requirement.name} {'has come' if missing else 'is here'}")
    _report(troubles)


@app.command("check")
def check_models(
    pipeline: Pipeline = None,
    recipe: Recipe = None,
    config: Config = None,
    overrides: Overrides = None,
    stage: Stage = None,
) -> None:
    """Read every weight file of a pipeline or a recipe: is it here, whole, the published one, and readable?

    Checksums are those of the hub (kept in its cache, so no network is used for what is here) or of the publisher.

    Example: `curation models check --pipeline lvd`

    Exit status: 0 all is well; 1 something is wrong; 2 bad config.
    """
    from rich.console import Console

    source = Source(config, overrides or (), pipeline, stage, recipe)
    console = Console()
    troubles = []
    for user, requirement in source.needs():
        try:
            files = requirement.files()
        except UserError as error:
            troubles.append(requirement.problem or str(error))
            continue
        if not files and requirement.problem:
            troubles.append(f"{user}: {requirement.problem}")
        for file in files:
            problem = file.problem()
            if problem is None:
                compared = f"{file.proof} as published" if file.proof else "readable; no checksum is known"
                console.print(f"{user}: {file.name}: {compared}")
            else:
                troubles.append(f"{user}: {file.path or file.name}: {problem}{_mend(file, requirement, source)}")
    _report(troubles)


def _mend(file: NeededFile, requirement: Requirement, source: Source) -> str:
    if requirement.fetch is None:
        return ""
    return f"; remove it and fetch it again: {source.pull}" if file.path else f"; fetch it: {source.pull}"


def _report(troubles: Sequence[str]) -> None:
    for trouble in troubles:
        typer.echo(f"error: {trouble}", err=True)
    if troubles:
        raise typer.Exit(1)


def _size(num_bytes: int | None) -> str:
    from rich.filesize import decimal

    return "?" if num_bytes is None else decimal(num_bytes)
