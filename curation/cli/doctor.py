"""`curation doctor`."""

from __future__ import annotations

import typer

from curation.cli.options import Config

NAME = "doctor"


def command(config: Config = None) -> None:
    """Show what this machine has: FFmpeg, codecs, memory, disk, GPUs, and what each pipeline needs.

    Example: `curation doctor`
    """
    from rich.console import Console
    from rich.table import Table

    from curation.machine import findings

    console = Console()
    table = Table("", "what", "found")
    bad = 0
    for finding in findings(config):
        bad += not finding.good
        table.add_row("[green]ok[/green]" if finding.good else "[red]!![/red]", finding.what, finding.found)
    console.print(table)
    raise typer.Exit(1 if bad else 0)
