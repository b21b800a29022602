"""`curation trace`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from curation.cli.options import DatasetArgument

if TYPE_CHECKING:
    from rich.console import Console

NAME = "trace"
MOST_LETTERS = 200


def command(
    dataset: DatasetArgument,
    clip: Annotated[str, typer.Argument(metavar="CLIP_ID", help="Of a clip, or its first digits.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with all columns.")] = False,
) -> None:
    """Tell where a clip comes from, with which versions and parameters its values were made, what filters say of it,
    and where it is packed.

    Example: `curation trace dataset 63711bcb`
    """
    from curation.cli.console import table_console
    from curation.dataset.description import read_description
    from curation.dataset.storage import Storage
    from curation.provenance.trace import trace

    storage = Storage(dataset)
    read_description(storage)
    found = trace(storage, clip)
    if as_json:
        import json

        print(json.dumps(found, indent=2, ensure_ascii=False, default=str))
        return
    _show(table_console(), found)


def _show(console: Console, found: dict[str, Any]) -> None:
    from rich.markup import escape

    from curation.contact_sheet import clock

    def line(head: str, text: str) -> None:
        console.print(f"[bold]{escape(head)}[/bold]  {escape(text)}", soft_wrap=True)

    clip, video, media = found["clip"], found["video"], found["media"]
    line("clip", clip["clip_id"])
    line("source", ", also ".join([clip["source"], *(video.get("duplicates") or ())]))
    line("video", ", ".join([clip["video_id"], *(f"{name} {value}" for name, value in found["manifest"].items())]))
    span = f"PTS {clip['start_pts']} to {clip['end_pts']} in {clip['time_base']} s"
    line("span", f"{clock(clip['start_s'])} to {clock(clip['end_s'])} ({span}), clip {clip['clip_index']} of its video")
    shape = f"{clip['width']} × {clip['height']}, {clip['fps']:g} fps, {clip['num_frames']} frames"
    line("media", f"{media['path']} ({shape})" + ("" if media["is_there"] else ": the file is missing"))
    for one in found["stages"]:
        version = "version not recorded" if one["version"] is None else f"version {one['version']}"
        line(f"\n{one['stage']}", f"{version}, fingerprint {one['fingerprint']}")
        for values, sign in ((one["config"], ": "), (one["values"], " = ")):
            for name, value in (values or {}).items():
                if value is not None:
                    console.print(f"  {name}{sign}{_text(value)}", markup=False, soft_wrap=True)
    console.print()
    for one in found["filters"]:
        line(f"filter {one['filter']}", _verdict(one))
    for one in found["shards"]:
        members = ", ".join(f"{name} at byte {offset}, {size} long" for name, (offset, size) in one["members"].items())
        line("shard", f"{one['shards']}/{one['shard']}: {members}")
    if not found["filters"]:
        line("filter", "none was applied yet")
    if not found["shards"]:
        line("shard", "in none")
    for location, reason in found["unreached_shards"].items():
        line("shards", f"{location}: not looked at: {reason}")


def _verdict(one: dict[str, Any]) -> str:
    stale = " (the tables have changed since)" if one["is_stale"] else ""
    if one["kept"] is None:
        return f"was applied before this clip was there{stale}"
    return f"keeps it{stale}" if one["kept"] else f"drops it: {'; '.join(one['reasons'])}{stale}"


def _text(value: Any) -> str:
    text = f"{len(value)} numbers" if isinstance(value, list) and len(value) > 8 else str(value)
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}…"
