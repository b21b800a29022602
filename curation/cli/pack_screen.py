"""What a person sees of `curation pack`: a bar, and a closing table."""

from __future__ import annotations

import time
from types import TracebackType

from rich.filesize import decimal
from rich.table import Table

from curation.cli.console import table_console
from curation.cli.live_bar import LiveBar
from curation.contact_sheet import clock
from curation.counted import counted
from curation.shards.folder import INDEX, MANIFEST, WIDS
from curation.shards.pack import Packed, PackWatcher
from curation.shards.record import Shard

MOST_REASONS = 10


class PackScreen(PackWatcher):
    """A live bar on a terminal; a line every half minute elsewhere; nothing when ``quiet``."""

    def __init__(self, *, quiet: bool) -> None:
        self.bar = LiveBar("shards", quiet=quiet)
        self.total = self.count = self.num_bytes = 0
        self.began = time.monotonic()

    def __enter__(self) -> PackScreen:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.__exit__(kind, error, trace)

    def working(self, what: str) -> None:
        self.bar.working(what)

    def warned(self, message: str) -> None:
        self.bar.warned(message)

    def planned(self, shards: int, samples: int) -> None:
        self.bar.start(shards)
        self.total = shards

    def done(self, shard: Shard, *, written: bool) -> None:
        self.count += 1
        self.num_bytes += shard.bytes * written
        note = f"{decimal(self.num_bytes)}, {decimal(int(self.num_bytes / (time.monotonic() - self.began)))}/s"
        self.bar.update(self.count, f"{self.count}/{self.total} shards, {note}", total=self.total, note=note)


def print_packed(packed: Packed, url: str) -> None:
    """Say what is there, what was written, what was left out, and how to read it."""
    console = table_console()
    counts = packed.manifest["counts"]
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column()
    table.add_row("samples", f"{counts['samples']} ({clock(counts['seconds'])} of video)")
    there = counts["shards"] - packed.written
    already = f" ({there} there already)" if there > 0 else ""
    table.add_row("shards", f"{counts['shards']}, {decimal(counts['bytes'])}{already}")
    if packed.deleted:
        table.add_row("deleted", f"{counted(len(packed.deleted), 'shard')} of an earlier pack")
    if counts["without_caption"]:
        table.add_row("no caption", f"{counted(counts['without_caption'], 'sample')} with an empty key.txt")
    console.print(table)
    if packed.energon:
        console.print("The index of megatron-energon was out of date and is gone: give `energon prepare` again.")
    left_out = packed.manifest["left_out"]
    if left_out:
        were = "clip is" if len(left_out) == 1 else "clips are"
        console.print(f"\n[bold red]{len(left_out)} {were} left out[/bold red]:")
        for one in left_out[:MOST_REASONS]:
            console.print(f"  {one['clip_id']}: {one['reason']}", markup=False, soft_wrap=True)
        if len(left_out) > MOST_REASONS:
            console.print(f"  … {len(left_out) - MOST_REASONS} more in {MANIFEST}")
        console.print(
            "Missing clips come back with `curation retry`, as do damaged ones that you delete; then pack again."
        )
    files = [packed.manifest["shards"][0]["name"] + " …"] if packed.manifest["shards"] else []
    console.print(f"\n{url}: {', '.join([*files, INDEX, MANIFEST, WIDS])}", markup=False, soft_wrap=True)
