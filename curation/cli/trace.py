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
    from rich.console import Console

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
    _show(Console(), found)


def _show(console: Console, found: dict[str, Any]) -> None:
    from rich.table import Table

    from curation.contact_sheet import clock

    clip, video, media = found["clip"], found["video"], found["media"]
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    also = "".join(f", also {name}" for name in video.get("duplicates") or ())
    table.add_row("clip", clip["clip_id"])
    table.add_row("source", f"{clip['source']}{also}")
    table.add_row("video", f"{clip['video_id']}" + "".join(f", {k} {_text(v)}" for k, v in found["manifest"].items()))
    span = f"{clip['start_pts']} … {clip['end_pts']} × {clip['time_base']} s"
    table.add_row("span", f"{clock(clip['start_s'])} … {clock(clip['end_s'])} (PTS {span}), clip {clip['clip_index']}")
    shape = f"{clip['width']} × {clip['height']}, {clip['fps']:g} fps, {clip['num_frames']} frames"
    table.add_row("media", f"{media['path']}: {shape}" + ("" if media["is_there"] else " – [red]is missing[/red]"))
    console.print(table)
    console.print(_stages(found["stages"]))
    for one in found["filters"]:
        console.print(f"[bold]{one['filter']}[/bold]: {_verdict(one)}")
    for one in found["shards"]:
        members = ", ".join(f"{name} at {offset} + {size}" for name, (offset, size) in one["members"].items())
        console.print(f"[bold]{one['shards']}/{one['shard']}[/bold]: {members}")
    if not found["filters"]:
        console.print("no filter was applied yet")
    if not found["shards"]:
        console.print("in no shard")


def _stages(stages: list[dict[str, Any]]) -> Any:
    from rich.table import Table

    table = Table("stage", "version", "fingerprint", "parameters", "values")
    for one in stages:
        config = one["config"]
        told = "not recorded" if config is None else ", ".join(f"{k}={_text(v)}" for k, v in config.items())
        values = "\n".join(f"{k} = {_text(v)}" for k, v in (one["values"] or {}).items() if v is not None)
        table.add_row(one["stage"], str(one["version"] or "?"), one["fingerprint"], told, values)
    return table


def _verdict(one: dict[str, Any]) -> str:
    stale = " (the tables have changed since)" if one["is_stale"] else ""
    if one["kept"] is None:
        return f"was applied before this clip was there{stale}"
    return f"kept{stale}" if one["kept"] else f"dropped by {'; '.join(one['reasons'])}{stale}"


def _text(value: Any) -> str:
    from rich.markup import escape

    text = f"{len(value)} numbers" if isinstance(value, list) and len(value) > 8 else str(value)
    return escape(text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}…")
