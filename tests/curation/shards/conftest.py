"""One small dataset for all tests of shards, and copies of it to change."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from curation.dataset.storage import Storage
from curation.engine.cluster import ray_session
from curation.filters.selection import read_selection
from curation.shards.pack import Packed, Packer, PackSettings
from curation.shards.size import ShardSize
from tests.curation.small_dataset import select, write_dataset

SOURCES = {"/v/a.mp4": 5, "/v/b.mp4": 3, "/v/c.mp4": 2}


@pytest.fixture(scope="session")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Storage:
    """Ten clips of three sources, and the selection `all` of them. Not to be written to."""
    storage = write_dataset(tmp_path_factory.mktemp("small") / "dataset", SOURCES, label="street")
    select(storage)
    return storage


@pytest.fixture(scope="module")
def ray_here() -> Iterator[None]:
    """Ray on this machine, which packs find running and leave running."""
    with ray_session(None):
        yield


@pytest.fixture
def dataset(unchanged: Storage, tmp_path: Path) -> Storage:
    """A copy of `unchanged`."""
    shutil.copytree(unchanged.root, tmp_path / "dataset")
    return Storage(str(tmp_path / "dataset"))


def pack(
    storage: Storage, output: Storage | Path | str, *, name: str = "all", samples: int = 3, **settings: Any
) -> Packed:
    """Pack a selection in this process."""
    output = output if isinstance(output, Storage) else Storage(str(output))
    wanted = PackSettings(ShardSize(samples=samples), **settings)
    return Packer(storage, output, read_selection(storage, name), wanted).pack(workers=1)
