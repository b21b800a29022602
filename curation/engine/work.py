"""Units of work, and the table in which clips travel from stage to stage."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa


@dataclass(frozen=True)
class VideoItem:
    """A source video to split; ``columns``: what its manifest says of it."""

    video_id: str
    source: str
    columns: Mapping[str, Any]
    num_bytes: int | None
    duplicates: list[str]


@dataclass(frozen=True)
class ClipItem:
    """A clip of the dataset that lacks annotations of the stages ``todo``; ``values``: columns that these read."""

    clip_id: str
    row: Mapping[str, Any]
    todo: list[str]
    values: Mapping[str, Any] = field(default_factory=dict)


TRAVELLING = pa.schema(
    [
        ("clip_id", pa.string()),
        ("row", pa.string()),
        ("todo", pa.list_(pa.string())),
        ("values", pa.string()),
        ("error", pa.string()),
        ("frames", pa.large_binary()),
    ]
)


def work_row(item: VideoItem | ClipItem) -> dict[str, str]:
    """A row of what Ray Data starts from: kind, "video" or "clip", and item, as JSON."""
    kind = "video" if isinstance(item, VideoItem) else "clip"
    return {"kind": kind, "item": json.dumps(vars(item), default=_plain)}


def travelling(
    row: Mapping[str, Any],
    todo: list[str],
    frames: bytes | None,
    values: Mapping[str, Any] | None = None,
    error: str | None = None,
) -> pa.Table:
    """One clip on its way. ``frames``: packed samples; ``error``: why there are none."""
    record = {
        "clip_id": row["clip_id"],
        "row": json.dumps(row, default=_plain),
        "todo": todo,
        "values": values_json(values or {}),
        "error": error,
        "frames": frames,
    }
    return pa.Table.from_pylist([record], schema=TRAVELLING)


def values_json(values: Mapping[str, Any]) -> str:
    """The column ``values`` of `TRAVELLING`."""
    return json.dumps(values, default=_plain)


def _plain(value: Any) -> Any:
    """JSON of what a manifest or an annotation may hold besides JSON's own types."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)
