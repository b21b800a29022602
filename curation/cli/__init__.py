"""The command line. Each command lives in its own module and imports what it needs when it is called."""

from __future__ import annotations

import sys

import typer

from curation.cli import annotate, doctor, models, plan, retry, run
from curation.errors import UserError

app = typer.Typer(
    help="Turn raw videos into an annotated Large Video Dataset.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for module in (run, plan, doctor, annotate, retry):
    app.command(module.NAME)(module.command)
app.add_typer(models.app, name=models.NAME)


def main() -> None:
    """Entry point of the console script: a `UserError` becomes its message and exit status 2."""
    try:
        app()
    except UserError as error:
        for line in str(error).splitlines():
            print(f"error: {line}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("stopped; the same command goes on where this one ended", file=sys.stderr)
        sys.exit(130)
