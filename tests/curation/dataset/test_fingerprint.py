from __future__ import annotations

from pathlib import Path

import pytest

from curation.dataset.fingerprint import dataset_fingerprint
from curation.dataset.journal import table_of
from curation.dataset.storage import Storage
from tests.curation.datasets import write_annotation, write_dataset

FLOW = {"motion_score": [1.0, 2.0, 3.0, 4.0]}


def test_equal_tables_have_equal_fingerprints_wherever_they_are(tmp_path: Path) -> None:
    prints = set()
    for url in (str(tmp_path / "a"), str(tmp_path / "b"), "memory://fingerprint/c"):
        storage = write_dataset(url, 4, {"optical_flow": FLOW})
        prints.add(dataset_fingerprint(storage))
        storage.write_bytes("selections/lvd-f.parquet", b"is no table")
        storage.write_bytes("_state/journal/clips/x.arrow", b"nor is this")
        prints.add(dataset_fingerprint(storage))
    Storage("memory://fingerprint").delete_tree("")
    assert len(prints) == 1
    assert len(prints.pop()) == 32


@pytest.mark.parametrize("change", ["annotate", "annotate again", "remove clips", "remove a video"])
def test_a_table_that_changes_changes_the_fingerprint(tmp_path: Path, change: str) -> None:
    storage = write_dataset(str(tmp_path), 4, {"optical_flow": FLOW})
    before = dataset_fingerprint(storage)
    if change == "annotate":
        write_annotation(storage, "text_detection", {"text_area": [0.0] * 4}, ["c000", "c001", "c002", "c003"])
    elif change == "annotate again":
        write_annotation(storage, "optical_flow", {"motion_score": [9.0]}, ["c000"], part=1)
    elif change == "remove clips":
        table_of(storage, "annotations/optical_flow").remove({"c001"})
    else:
        table_of(storage, "videos").remove({"v00"})
    assert dataset_fingerprint(storage) != before
