"""`curation doctor`."""

from __future__ import annotations

import typer

from curation.cli.options import Config

NAME = "doctor"


def command(config: Config = None) -> None:
    """Show what this machine has: FFmpeg, codecs, memory, disk, GPUs, and what pipelines and recipes need.

    Exit status 1 when something is wrong with the machine; weights that are still to be fetched are nothing wrong.

    Example: `curation doctor`
    """
    from rich.console import Console
    from rich.table import Table

    from curation.machine import findings

    console = Console()
    table = Table("", "what", "found")
    bad = 0
    for finding in findings(config):
        is_wrong = finding.is_fault and not finding.good
        bad += is_wrong
        mark = "[red]!![/red]" if is_wrong else "[green]ok[/green]" if finding.good else "[yellow]–[/yellow]"
        table.add_row(mark, finding.what, finding.found)
    console.print(table)
    raise typer.Exit(1 if bad else 0)
