"""Shards that the tests of training share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.models.diffusion.shape_shards import some_shapes, write_shards


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """48 clips of a moving square."""
    return write_shards(tmp_path_factory.mktemp("shapes"), some_shapes())
