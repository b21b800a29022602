"""A dataset with three sources, two of them packed together in most shards, and copies of it to change."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from curation.dataset.journal import VIDEOS, table_of
from curation.dataset.storage import Storage
from curation.dataset.table import read_part, write_part
from tests.curation.shards.conftest import pack
from tests.curation.small_dataset import select, write_dataset

GONE, ALSO_GONE, STAYS, OTHER = "/v/taken-down.mp4", "/copies/taken-down.mp4", "/v/stays.mp4", "/v/other.mp4"


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Storage:
    """Selections `all` and `slow`, shards of `all` in the dataset. Not to be written to."""
    storage = write_dataset(tmp_path_factory.mktemp("packed") / "dataset", {GONE: 3, STAYS: 4, OTHER: 3})
    for part in table_of(storage, VIDEOS).parts():
        rows, fingerprint = read_part(storage, part)
        told = [{**row, "duplicates": [ALSO_GONE] if row["source"] == GONE else []} for row in rows.to_pylist()]
        write_part(storage, part, type(rows).from_pylist(told, schema=rows.schema), fingerprint)
    select(storage)
    select(storage, "slow", [{"motion_score": {"drop_highest": "30%"}}])
    named = {"source": {"not_in": [GONE, OTHER]}}
    sql = {"sql": f"source <> '{GONE}' AND clip_index < 2"}
    select(storage, "grouped", [{"motion_score": {"drop_highest": "20%", "within": "source"}}, named, sql])
    pack(storage, f"{storage.root}/shards/all", samples=2)
    pack(storage, f"{storage.root}/shards/grouped", name="grouped", samples=2)
    return storage


@pytest.fixture
def dataset(packed: Storage, tmp_path: Path) -> Storage:
    """A copy of `packed`."""
    shutil.copytree(packed.root, tmp_path / "dataset")
    return Storage(str(tmp_path / "dataset"))
