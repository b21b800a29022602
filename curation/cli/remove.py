"""`curation remove`."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from curation.cli.options import DatasetArgument, Quiet
from curation.counted import counted

if TYPE_CHECKING:
    from rich.console import Console

    from curation.dataset.storage import Storage
    from curation.provenance.removal import Removal

NAME = "remove"
MOST_SHOWN = 10


def command(
    dataset: DatasetArgument,
    sources: Annotated[
        list[str] | None,
        typer.Option(
            "--source", "-s", metavar="SOURCE", help="Path, URL or video_id of a source, or a pattern; repeatable."
        ),
    ] = None,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; it is kept in removals.jsonl.")] = "",
    shards: Annotated[
        list[str] | None,
        typer.Option(metavar="SHARDS", help="Also take it out of this copy of packed shards; repeatable."),
    ] = None,
    forget: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SHARDS", help="Shards that were packed there are gone for good: look for them no more; repeatable."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would go, and change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    quiet: Quiet = False,
) -> None:
    """Take a source out of DATASET: its clips, its rows in all tables and selections, its samples in packed shards.

    Only the shards that hold such samples are written again. A later `run` passes the source over. A removal that was
    interrupted is finished first, also without --source.

    Example: `curation remove dataset --source videos/holiday.mp4 --reason "takedown 1234"`

    Exit status: 0 done; 1 some shards could not be reached; 2 the request cannot run.
    """
    from curation.cli.console import table_console
    from curation.dataset import journal
    from curation.dataset.description import read_description
    from curation.dataset.lock import only_writer
    from curation.dataset.storage import Storage
    from curation.errors import DiskFullError, UserError
    from curation.provenance.find import find_videos, spellings
    from curation.provenance.owed import forget as forget_shards
    from curation.provenance.owed import owed, settle
    from curation.provenance.removal import plan_removal, read_pending, write_pending

    storage = Storage(dataset)
    read_description(storage)
    console = table_console()
    console.quiet = quiet
    copies = [_shards_folder(url) for url in shards or []]
    given_up = [_known_place(storage, location) for location in forget or []]
    if dry_run:
        videos, _ = find_videos(storage, sources or [])
        _show(console, plan_removal(storage, videos, reason, copies))
        console.print("Nothing was changed.")
        return
    try:
        with only_writer(storage, removing=True):
            begun = read_pending(storage)
            if begun is not None:
                console.print("An earlier removal was interrupted; finishing it first.")
                _carry_out(storage, begun, console)
            elif not (sources or given_up or owed(storage)):
                raise UserError(f"{dataset}: nothing to remove; name a source with --source")
            for location in given_up:
                forget_shards(storage, location)
                console.print(f"{location}: forgotten", markup=False, soft_wrap=True)
            journal.fold(storage, workers_gone=True)
            videos, gone = find_videos(storage, sources or [])
            for name in gone:
                console.print(f"{name}: was taken out before", markup=False, soft_wrap=True)
            for location in settle(storage, [spelling for name in gone for spelling in spellings(name)]):
                console.print(f"{location}: samples of earlier removals are out", markup=False, soft_wrap=True)
            if videos:
                removal = plan_removal(storage, videos, reason, copies)
                _show(console, removal)
                if not yes:
                    _confirm()
                write_pending(storage, removal)
                _carry_out(storage, removal, console)
            unreached = owed(storage)
    except DiskFullError as error:
        raise UserError(f"{error}; make room and give the same command again") from error
    if unreached:
        for location in unreached:
            _tell_unreached(storage, location)
        raise typer.Exit(1)


def _known_place(storage: Storage, url: str) -> str:
    from curation.dataset.storage import Storage
    from curation.errors import UserError
    from curation.shards.known import elsewhere
    from curation.suggestions import did_you_mean

    known = elsewhere(storage)
    location = url if url in known else Storage(url).location
    if location not in known:
        raise UserError(f"--forget {url}: no shards of {storage.url} were packed there{did_you_mean(url, known)}")
    return location


def _tell_unreached(storage: Storage, location: str) -> None:
    """On standard error: the takedown is not done."""
    from curation.shards.known import why_unreached

    again = f"curation remove {shlex.quote(storage.url)}"
    print(f"not reached: {location}: {why_unreached(location)}; samples may be left in these shards", file=sys.stderr)
    print(f"  once they are there again: {again}", file=sys.stderr)
    print(f"  if they are gone for good: {again} --forget {shlex.quote(location)}", file=sys.stderr)


def _shards_folder(url: str) -> Storage:
    from curation.dataset.storage import Storage
    from curation.errors import UserError
    from curation.shards.folder import is_shards_folder

    folder = Storage(url)
    if not is_shards_folder(folder):
        raise UserError(f"--shards {url}: no shards of curation pack there")
    return folder


def _show(console: Console, removal: Removal) -> None:
    """What goes."""
    from rich.filesize import decimal

    for video in removal.videos[:MOST_SHOWN]:
        console.print(f"{video.video_id}  {', also '.join(video.sources)}", markup=False, soft_wrap=True)
    if len(removal.videos) > MOST_SHOWN:
        console.print(f"… {len(removal.videos) - MOST_SHOWN} more")
    console.print(
        f"{counted(len(removal.videos), 'video')} with {counted(len(removal.clip_ids), 'clip')}, "
        f"{decimal(removal.num_bytes)}, from tables, media, pictures and selections"
    )
    for one in removal.shards:
        if not one.shards:
            continue
        rewritten = counted(len(one.shards), "shard")
        how = f"{rewritten} to be written again" if one.whole else "an unfinished pack: such shards are deleted"
        console.print(f"{counted(one.samples, 'sample')} from {one.location}: {how}", markup=False, soft_wrap=True)
    for location, why in removal.unreached.items():
        console.print(f"Not reached: shards in {location}: {why}", markup=False, soft_wrap=True)
    for stage, clips in removal.unsettled.items():
        console.print(f"{stage}: values of {counted(len(clips), 'other clip')} that name a clip that goes")


def _confirm() -> None:
    from curation.errors import UserError

    if not sys.stdin.isatty():
        raise UserError("nothing was removed: confirm it with --yes")
    if input("Take it out for good? [y/N] ").strip().lower() not in ("y", "yes"):
        raise UserError("nothing was removed")


def _carry_out(storage: Storage, removal: Removal, console: Console) -> None:
    from curation.dataset.description import LAYOUT
    from curation.errors import DiskFullError, UserError
    from curation.provenance.removed import RECORD
    from curation.provenance.take_out import carry_out

    try:
        carry_out(storage, removal, lambda what: console.print(f"[dim]{what} …[/dim]"))
    except DiskFullError as error:
        raise UserError(f"{error}; make room, and finish it with: curation remove {storage.url}") from error
    console.print(
        f"Done, and recorded in {storage.url}/{RECORD}. A run passes these sources over.", markup=False, soft_wrap=True
    )
    for stage, clips in removal.unsettled.items():
        again = f"curation annotate {storage.url} --stage {stage}"
        console.print(
            f"{stage} is to be computed again for {counted(len(clips), 'clip')}: {again}", markup=False, soft_wrap=True
        )
    others = [name for name in storage.entries() if name not in LAYOUT and not name.startswith(".")]
    if others:
        told = f"{', '.join(others[:MOST_SHOWN])}{' …' if len(others) > MOST_SHOWN else ''}"
        console.print(f"Not looked into, as they are no part of a dataset: {told}", markup=False, soft_wrap=True)
    console.print("Backups, versions that a bucket keeps, and copies made elsewhere are not reached.")
