"""The closing table of a job."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from curation.contact_sheet import clock
from curation.counted import counted
from curation.engine.summary import Summary
from curation.sources.location import shown

MOST_REASONS = 10


def print_summary(summary: Summary, dataset: str) -> None:
    """Print what a job did and where to look."""
    console = Console()
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column()
    failed = f", {summary.videos_failed} failed" if summary.videos_failed else ""
    twice = f", {summary.duplicates} duplicates passed over" if summary.duplicates else ""
    table.add_row("videos", f"{summary.videos}{failed}{twice}")
    if summary.videos_updated:
        table.add_row("manifest", f"columns updated in {counted(summary.videos_updated, 'row')} of videos")
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(summary.transitions.items()))
    table.add_row("transitions", kinds or "none")
    modes = ", ".join(f"{count} {mode}" for mode, count in sorted(summary.clips_by_mode.items()))
    verified = "all verified" if not summary.unverified else f"{summary.unverified} not verified"
    table.add_row("clips", f"{summary.clips} ({modes}; {verified})" if summary.clips else "0")
    share = f" ({summary.seconds_out / summary.seconds_in:.0%})" if summary.seconds_in else ""
    table.add_row("video time", f"{clock(summary.seconds_in)} in → {clock(summary.seconds_out)} out{share}")
    table.add_row("lost to snapping", f"{summary.lost_s:.1f} s")
    spent = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in summary.cpu_s.items())
    table.add_row("CPU time", spent or "–")
    table.add_row("wall time", f"{summary.wall_s:.1f} s")
    console.print(table)
    _print_failures(console, summary, dataset)
    console.print(f"\nLook at {dataset}/contact_sheets/ (one picture per video) and {dataset}/media/ (the clips).")
    console.print(f"Query it: [bold]duckdb -c \"SELECT * FROM '{dataset}/clips/*.parquet'\"[/bold]")


def print_nothing_to_do(summary: Summary, dataset: str, otherwise: str) -> None:
    """Say that everything was there already; ``otherwise``: what is said where the job was about no video at all."""
    console = Console()
    there = otherwise
    if summary.videos:
        both = f"{counted(summary.videos, 'video')} and {counted(summary.clips, 'clip')}"
        there = f"{both} are in {dataset} already"
    if summary.videos_updated:
        rows = counted(summary.videos_updated, "row")
        console.print(f"Manifest columns updated in {rows} of videos; nothing else to do: {there}.")
    else:
        console.print(f"Nothing to do: {there}.")
    _print_failures(console, summary, dataset)


def _print_failures(console: Console, summary: Summary, dataset: str) -> None:
    if not summary.failures:
        return
    console.print(f"\n[bold red]{counted(sum(summary.failures.values()), 'item')} failed[/bold red]")
    for (stage, reason), count in list(summary.failures.items())[:MOST_REASONS]:
        console.print(f"  {count} × {stage}: {shown(reason)}", markup=False)
    if len(summary.failures) > MOST_REASONS:
        console.print(f"  … {len(summary.failures) - MOST_REASONS} more reasons in the columns error and <stage>_error")
    console.print(f"Once mended: [bold]curation retry {dataset}[/bold]")
