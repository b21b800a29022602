"""One entry of the journal: an Arrow IPC file, written and read in a fortieth of the time of a Parquet file."""

from __future__ import annotations

import pyarrow as pa

from curation.dataset.damaged import reading
from curation.dataset.storage import Storage
from curation.dataset.table import fingerprint_of, with_fingerprint

SUFFIX = ".arrow"


def write_entry(storage: Storage, name: str, rows: pa.Table, fingerprint: str) -> None:
    """Publish an entry."""
    rows = with_fingerprint(rows, fingerprint)
    buffer = pa.BufferOutputStream()
    with pa.ipc.new_file(buffer, rows.schema) as file:
        file.write_table(rows)
    storage.write_bytes(name, buffer.getvalue().to_pybytes())


def read_entry(storage: Storage, name: str) -> tuple[pa.Table, str]:
    """The rows of an entry and their fingerprint.

    Raises:
        UserError: the file is damaged.
    """
    data = pa.BufferReader(storage.read_bytes(name))
    with reading(storage, name):
        table = pa.ipc.open_file(data).read_all()
    return table, fingerprint_of(table)
