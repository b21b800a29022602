"""The command line. Each command lives in its own module and imports what it needs when it is called."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

import curation
from curation.cli import (
    annotate,
    cache_latents,
    doctor,
    filter,
    models,
    pack,
    plan,
    remove,
    report,
    retry,
    run,
    sample,
    stats,
    trace,
    train,
    tune,
)
from curation.errors import UserError
from curation.interruption import INTERRUPTED, STOPPED

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for module in (
    run,
    plan,
    doctor,
    annotate,
    retry,
    stats,
    report,
    filter,
    tune,
    pack,
    cache_latents,
    train,
    sample,
    trace,
    remove,
):
    app.command(module.NAME)(module.command)
app.add_typer(models.app, name=models.NAME)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"curation {curation.__version__}")
        raise typer.Exit


@app.callback()
def top(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Turn raw videos into an annotated Large Video Dataset."""


def main() -> None:
    """Do what the command line says: what is wrong with a request becomes one line and exit status 2."""
    try:
        status = app(standalone_mode=False)
    except UserError as error:
        for line in str(error).splitlines():
            print(f"error: {line}", file=sys.stderr)
        sys.exit(2)
    except TyperException as error:
        message = error.format_message().strip().removesuffix(".")
        command = context.command_path if (context := getattr(error, "ctx", None)) else "curation"
        if message:
            print(f"error: {message}; see {command} --help", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:  # while Typer reads the command line
        status = INTERRUPTED
    if status == INTERRUPTED and os.environ.get("RANK", "0") == "0":
        print(STOPPED, file=sys.stderr)
    sys.exit(status)
