"""Datasets of tables alone, without media: what `dedup` sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from curation.dataset.clip_columns import ClipColumns, ColumnSource
from curation.dataset.schema import CLIPS, annotation_schema
from curation.dataset.storage import Storage
from curation.dataset.table import write_part
from stages.dedup import Dedup

COLUMNS = {"clip_embedding": pa.list_(pa.float32()), "perceptual_hash": pa.string()}

ORDINARY = {"start_s": 0.0, "end_s": 2.0, "width": 64, "height": 64, "bytes": 1}


def write_dataset(root: Path, clips: Sequence[Mapping[str, Any]], column: str, parts: int = 1) -> Storage:
    """Tables of clips with clip_id, width, height, end_s, sha256 and ``column``, as many parts each."""
    storage = Storage(str(root))
    for number in range(parts):
        rows = [{**ORDINARY, **clip} for clip in clips[number::parts]]
        known = [{key: row[key] for key in row if key in CLIPS.names} for row in rows]
        write_part(storage, f"clips/part-{number:06d}-x.parquet", pa.Table.from_pylist(known, schema=CLIPS), "x")
        schema = annotation_schema("scores", {column: COLUMNS[column]})
        made = [{"clip_id": row["clip_id"], column: row[column]} for row in reversed(rows) if column in row]
        write_part(
            storage, f"annotations/scores/part-{number:06d}-y.parquet", pa.Table.from_pylist(made, schema=schema), "y"
        )
    return storage


def dedup(storage: Storage, column: str, **config: Any) -> dict[str, dict[str, Any]]:
    """The rows of `Dedup` by clip_id."""
    stage = Dedup(Dedup.settled(Dedup.Config(**config), [column]))
    sources = {name: ColumnSource("clips") for name in stage.inputs()} | {
        column: ColumnSource("annotations/scores", "y")
    }
    made = list(stage.annotate_all(ClipColumns(storage, sources)))
    if not made:
        return {}
    table = pa.concat_tables(made)
    table = table.cast(annotation_schema("dedup", dict(Dedup.writes)))
    assert table["clip_id"].to_pylist() == sorted(table["clip_id"].to_pylist())
    return {row.pop("clip_id"): row for row in table.to_pylist()}
