"""Two datasets are the same when their tables have the same rows and their clips the same bytes."""

from __future__ import annotations

import hashlib
from typing import Any

import pyarrow as pa

from curation.dataset.dataset import Dataset
from curation.dataset.journal import ANNOTATIONS, CLIPS, VIDEOS, table_of
from curation.dataset.storage import Storage, join


def contents(url: str) -> dict[str, Any]:
    """Every row of every table, the hash of every clip, and the counts; nothing that depends on how it was made."""
    storage = Storage(url)
    dataset = Dataset(url)
    folders = [VIDEOS, CLIPS, *(join(ANNOTATIONS, stage) for stage in dataset.annotated_stages())]
    found: dict[str, Any] = {folder: _rows(table_of(storage, folder).read()) for folder in folders}
    media = storage.files("media")
    found["media"] = {name: hashlib.sha256(storage.read_bytes(name)).hexdigest() for name in media}
    found["contact_sheets"] = storage.files("contact_sheets")
    found["counts"] = dataset.description["counts"]
    found["unfinished"] = [name for name in storage.files("_state") if name not in (LOCK, SOURCES)]
    return found


LOCK, SOURCES = "_state/lock", "_state/sources.parquet"


def _rows(table: pa.Table | None) -> list[str]:
    return sorted(map(repr, table.to_pylist())) if table is not None else []
