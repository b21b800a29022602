"""Looking for what should be gone: in the names and the bytes of all files, and in the values of all tables."""

from __future__ import annotations

import io
from collections.abc import Collection
from pathlib import Path

import pyarrow.parquet as pq


def remains(folder: Path | str, needles: Collection[bytes]) -> list[str]:
    """Files below ``folder`` that hold one of ``needles``, or are named after one."""
    found = []
    for path in sorted(path for path in Path(folder).rglob("*") if path.is_file()):
        data = str(path.relative_to(folder)).encode() + b"\n" + path.read_bytes()
        if path.suffix == ".parquet":  # its values are compressed
            table = pq.read_table(io.BytesIO(path.read_bytes()))
            data += repr((table.to_pylist(), table.schema.metadata)).encode()
        if any(needle in data for needle in needles):
            found.append(str(path.relative_to(folder)))
    return found
