"""Published weights that tests use where they are present."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from models.aesthetic import PublishedHead, head_folder


def downloaded_head(head: PublishedHead) -> Path:
    """A head of LAION: from $CURATION_TEST_WEIGHTS, ../shared/weights or the user's cache; else the test is skipped."""
    folders = [os.environ.get("CURATION_TEST_WEIGHTS"), Path(__file__).parents[3] / "shared/weights", head_folder()]
    for folder in folders:
        if folder and (Path(folder) / head.file).is_file():
            return Path(folder) / head.file
    pytest.skip(f"{head.file} is not here: set CURATION_TEST_WEIGHTS to its folder")
