"""The wide table: clips joined with all annotations and with what is known of their videos, as a view in DuckDB."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from curation.dataset.duck import connect, first_line, quoted, scan
from curation.dataset.journal import ANNOTATIONS, CLIPS, VIDEOS
from curation.dataset.schema import CLIPS as CLIPS_SCHEMA
from curation.dataset.schema import VIDEOS as VIDEOS_SCHEMA
from curation.dataset.storage import Storage
from curation.errors import UserError
from curation.suggestions import did_you_mean

if TYPE_CHECKING:
    import duckdb

CLIP_ID, VIDEO_ID, SOURCE = "clip_id", "video_id", "source"
DURATION = "duration_s"
VIDEO_PREFIX, MANIFEST_PREFIX = "video_", "manifest_"


@dataclass(frozen=True)
class Column:
    """A column of the wide table. ``table``: the folder of the dataset that it comes from, such as
    "annotations/optical_flow"; ``expression``: its value there, in SQL."""

    name: str
    type: pa.DataType
    table: str
    expression: str

    @property
    def stage(self) -> str | None:
        """The annotator that wrote it; None for a column of clips or videos."""
        return self.table.split("/")[1] if self.table.startswith(f"{ANNOTATIONS}/") else None

    @property
    def is_nested(self) -> bool:
        """Lists and structs, such as embeddings: too large to be read without need."""
        return bool(pa.types.is_nested(self.type))


def columns(storage: Storage) -> dict[str, Column]:
    """All columns of the wide table, by name; of the Parquet files only the footers are read.

    Those of `clips` and ``duration_s``; those of every annotation; those of the clip's video: what a manifest said
    under its own name, and what the table has itself with a prefix (``video_status``, ``video_codec``). Where two would
    have one name (upper and lower case are the same to SQL), the later is ``<stage>_<name>`` or ``manifest_<name>``.

    Raises:
        UserError: a part cannot be read, or does not fit the others.
    """
    return _columns(storage)


def wide(storage: Storage, columns: Sequence[str] | None = None) -> duckdb.DuckDBPyConnection:
    """A connection with a view ``clips``: one row per clip with ``columns``, else with all but lists and structs.

    A clip that a stage has not seen has nulls there. Only tables that a column comes from are joined.

    Raises:
        UserError: there is no such column; as `columns`.
    """
    known = _columns(storage)
    names = [name for name, column in known.items() if not column.is_nested] if columns is None else columns
    for name in names:
        if name not in known:
            raise UserError(f'{storage.url}: no column "{name}"{did_you_mean(name, known)}')
    return view(storage, [known[name] for name in dict.fromkeys(names)])


def view(storage: Storage, wanted: Sequence[Column]) -> duckdb.DuckDBPyConnection:
    """As `wide`, for columns that `columns` has given before."""
    connection = connect(storage)
    if storage.files(CLIPS, ".parquet"):
        connection.execute(f"CREATE VIEW clips AS {_joined(storage, wanted)}")
    else:
        connection.register("clips", pa.schema([(column.name, column.type) for column in wanted]).empty_table())
    return connection


def _columns(storage: Storage) -> dict[str, Column]:
    connection = connect(storage)
    found: dict[str, Column] = {}

    def add(column: Column, prefix: str) -> None:
        taken = {name.casefold() for name in found}
        while column.name.casefold() in taken:
            column = replace(column, name=f"{prefix}{column.name}")
        found[column.name] = column

    for field in _schema(connection, storage, CLIPS) or CLIPS_SCHEMA:
        add(Column(field.name, field.type, CLIPS, quoted(field.name)), "clip_")
    add(Column(DURATION, pa.float64(), CLIPS, f"{quoted('end_s')} - {quoted('start_s')}"), "clip_")
    for table in sorted({part.rsplit("/", 1)[0] for part in storage.files(ANNOTATIONS, ".parquet")}):
        for field in _schema(connection, storage, table) or ():
            if field.name != CLIP_ID:
                add(Column(field.name, field.type, table, quoted(field.name)), f"{table.split('/')[1]}_")
    for field in _schema(connection, storage, VIDEOS) or ():
        if field.name not in (VIDEO_ID, SOURCE):
            prefix = VIDEO_PREFIX if field.name in VIDEOS_SCHEMA.names else ""
            add(Column(f"{prefix}{field.name}", field.type, VIDEOS, quoted(field.name)), MANIFEST_PREFIX)
    return found


def _schema(connection: duckdb.DuckDBPyConnection, storage: Storage, table: str) -> pa.Schema | None:
    import duckdb

    parts = storage.files(table, ".parquet")
    if not parts:
        return None
    try:
        return connection.sql(f"FROM {scan(storage, parts)} LIMIT 0").to_arrow_table().schema
    except duckdb.Error as error:
        raise UserError(f"{storage.url}/{table}: cannot be read: {first_line(error)}") from error


def _joined(storage: Storage, wanted: Sequence[Column]) -> str:
    """The query behind the view: a subquery per table, with its keys and those of its columns that are wanted."""
    others = {table: f"t{number}" for number, table in enumerate(dict.fromkeys(column.table for column in wanted))}
    others.pop(CLIPS, None)
    values = ", ".join(f"{others.get(column.table, 'clip')}.{quoted(column.name)}" for column in wanted)
    joins = ""
    for table, alias in others.items():
        key = VIDEO_ID if table == VIDEOS else CLIP_ID
        joins += (
            f" LEFT JOIN {_rows(storage, table, [key], wanted)} AS {alias} ON {alias}.{_key(key)} = clip.{_key(key)}"
        )
    return f"SELECT {values} FROM {_rows(storage, CLIPS, [CLIP_ID, VIDEO_ID], wanted)} AS clip{joins}"


def _rows(storage: Storage, table: str, keys: Sequence[str], wanted: Sequence[Column]) -> str:
    own = [f"{column.expression} AS {quoted(column.name)}" for column in wanted if column.table == table]
    values = ", ".join([*(f"{quoted(key)} AS {_key(key)}" for key in keys), *own])
    return f"(SELECT {values} FROM {scan(storage, storage.files(table, '.parquet'))})"


def _key(name: str) -> str:
    return quoted(f"key {name}")
