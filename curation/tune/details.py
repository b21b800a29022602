"""All that the tables tell of one clip and of its video."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from curation.dataset.duck import connect, literal, quoted, scan
from curation.dataset.journal import VIDEOS
from curation.dataset.storage import Storage
from curation.dataset.wide import CLIP_ID, VIDEO_ID, Column

LONGEST_TEXT = 4000
LONGEST_LIST = 16


def annotations_of(storage: Storage, known: Mapping[str, Column], clip_id: str) -> dict[str, dict[str, Any]]:
    """The values of a clip by table ("clips", "optical_flow", …) and column of the wide table; nulls are there too."""
    found: dict[str, dict[str, Any]] = {}
    for table in dict.fromkeys(column.table for column in known.values()):
        if table != VIDEOS:
            columns = [column for column in known.values() if column.table == table]
            row = _row(storage, table, columns, CLIP_ID, clip_id)
            found[table.rsplit("/", 1)[-1]] = row or {column.name: None for column in columns}
    return found


def source_of(storage: Storage, known: Mapping[str, Column], video_id: str) -> dict[str, Any]:
    """What is known of a video, by column of the wide table."""
    columns = [column for column in known.values() if column.table == VIDEOS]
    return _row(storage, VIDEOS, columns, VIDEO_ID, video_id)


def plain(value: Any) -> Any:
    """A value as JSON can hold it: long lists and texts shortened, numbers that are not finite as null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return value if len(value) <= LONGEST_TEXT else f"{value[:LONGEST_TEXT]}…"
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        if len(value) > LONGEST_LIST and all(isinstance(item, int | float) for item in value):
            return f"{len(value)} numbers"
        return [plain(item) for item in value]
    return str(value)


def _row(storage: Storage, table: str, columns: list[Column], key: str, value: str) -> dict[str, Any]:
    parts = storage.files(table, ".parquet")
    if not parts or not columns:
        return {}
    values = ", ".join(f"{column.expression} AS {quoted(column.name)}" for column in columns)
    query = f"SELECT {values} FROM {scan(storage, parts)} WHERE {quoted(key)} = {literal(value)} LIMIT 1"
    rows = connect(storage).sql(query).to_arrow_table().to_pylist()
    return dict(rows[0]) if rows else {}
