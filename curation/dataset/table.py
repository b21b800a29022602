"""One table of a dataset: a folder of Parquet parts, each with the fingerprint of the configuration that made it."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curation.dataset.column_types import common_schema, conform
from curation.dataset.damaged import reading
from curation.dataset.storage import Storage

FINGERPRINT = b"curation.fingerprint"


def write_part(storage: Storage, name: str, rows: pa.Table, fingerprint: str) -> None:
    """Publish one Parquet file."""
    buffer = pa.BufferOutputStream()
    pq.write_table(with_fingerprint(rows, fingerprint), buffer, compression="zstd")
    storage.write_bytes(name, buffer.getvalue().to_pybytes())


def read_part(storage: Storage, name: str, columns: list[str] | None = None) -> tuple[pa.Table, str]:
    """A Parquet file and its fingerprint.

    Raises:
        UserError: the file is damaged.
    """
    data = pa.BufferReader(storage.read_bytes(name))
    with reading(storage, name), pq.ParquetFile(data) as file:
        table = file.read(columns=columns, use_threads=False)
    return table, fingerprint_of(table)


def with_fingerprint(rows: pa.Table, fingerprint: str) -> pa.Table:
    """The rows with the fingerprint of what made them in the metadata of their schema."""
    return rows.replace_schema_metadata({**(rows.schema.metadata or {}), FINGERPRINT: fingerprint.encode()})


def fingerprint_of(rows: pa.Table) -> str:
    """The fingerprint of what made these rows; empty where none is told."""
    return str((rows.schema.metadata or {}).get(FINGERPRINT, b"").decode())


def concat_parts(tables: Sequence[pa.Table]) -> pa.Table:
    """The rows of all tables under their common schema, without metadata."""
    plain = [table.replace_schema_metadata(None) for table in tables]
    schema = common_schema([table.schema for table in plain])
    return pa.concat_tables([conform(table, schema) for table in plain])


class Table:
    """``folder``: videos, clips or annotations/<stage>. ``key``: the column whose value a newer row replaces."""

    def __init__(self, storage: Storage, folder: str, key: str) -> None:
        self.storage = storage
        self.folder = folder
        self.key = key

    def parts(self) -> list[str]:
        return self.storage.files(self.folder, ".parquet")

    def read(self, columns: list[str] | None = None) -> pa.Table | None:
        """All rows; None for a table without parts. Parts may differ in columns: missing ones are null, and columns
        whose types differ get one that holds all values."""
        tables = [read_part(self.storage, name, columns)[0] for name in self.parts()]
        if not tables:
            return None
        return concat_parts(tables).unify_dictionaries()

    def schema(self) -> pa.Schema:
        """The common schema of all parts, without columns for a table without parts."""
        return common_schema(list(self._schemas().values()))

    def level(self) -> None:
        """Give all parts the same schema; those that have it already are not written."""
        schemas = self._schemas()
        wanted = common_schema(list(schemas.values()))
        for name, schema in schemas.items():
            if not schema.equals(wanted):
                rows, fingerprint = read_part(self.storage, name)
                write_part(self.storage, name, conform(rows, wanted), fingerprint)

    def _schemas(self) -> dict[str, pa.Schema]:
        found = {}
        for name in self.parts():
            data = pa.BufferReader(self.storage.read_bytes(name))
            with reading(self.storage, name), pq.ParquetFile(data) as file:
                found[name] = file.schema_arrow.remove_metadata()
        return found

    def keys(self, fingerprint: str | None = None) -> set[str]:
        """Keys of all rows, or of those made with ``fingerprint``."""
        found: set[str] = set()
        for name in self.parts():
            rows, made_with = read_part(self.storage, name, [self.key])
            if fingerprint is None or made_with == fingerprint:
                found.update(rows[self.key].to_pylist())
        return found

    def failed(self, error_column: str) -> set[str]:
        """Keys of the rows that carry an error."""
        found: set[str] = set()
        for name in self.parts():
            rows, _ = read_part(self.storage, name, [self.key, error_column])
            found.update(rows.filter(pc.is_valid(rows[error_column]))[self.key].to_pylist())
        return found

    def remove(self, keys: set[str], but: Sequence[str] = ()) -> None:
        """Drop rows by key from all parts ``but`` these (a part that would be empty is deleted)."""
        if not keys:
            return
        wanted = pa.array(sorted(keys), pa.string())
        for name in self.parts():
            if name in but:
                continue
            present, _ = read_part(self.storage, name, [self.key])
            gone = pc.is_in(present[self.key], value_set=wanted)
            dropped = pc.sum(gone).as_py() or 0
            if present.num_rows and dropped == present.num_rows:
                self.storage.delete([name])
            elif dropped:
                rows, fingerprint = read_part(self.storage, name)
                write_part(self.storage, name, rows.filter(pc.invert(gone)), fingerprint)
