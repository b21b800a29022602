"""What is asked of the rows that a stage over the whole dataset returns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from curation.dataset.clip_columns import ClipColumns
from curation.dataset.schema import CLIPS
from curation.dataset.storage import Storage
from curation.dataset.table import write_part
from curation.engine.dataset_worker import Checked


@pytest.fixture
def clips(tmp_path: Path) -> ClipColumns:
    storage = Storage(str(tmp_path))
    for part, ids in enumerate(("ca", "b")):
        rows = pa.Table.from_pylist([{"clip_id": clip_id} for clip_id in ids], schema=CLIPS)
        write_part(storage, f"clips/part-{part}-x.parquet", rows, "x")
    return ClipColumns(storage, {})


def returned(clips: ClipColumns, *tables: Sequence[str]) -> Checked:
    checked = Checked("rank", clips)
    rows = [
        pa.table({"clip_id": list(ids), "rank_error": [None if i != "b" else "why" for i in ids]}) for ids in tables
    ]
    assert list(checked.all_rows(rows)) == rows
    return checked


def test_one_row_for_each_clip_in_any_order(clips: ClipColumns) -> None:
    assert returned(clips, "cb", "a").failed == 1


@pytest.mark.parametrize(
    ("tables", "reason"),
    [
        (("ab",), "returned 2 rows for 3 clips"),
        ((), "returned 0 rows for 3 clips"),
        (("abc", "a"), "or two for one"),
        (("abb",), "or two for one"),
        (("abcd",), "a clip that it was not given"),
    ],
)
def test_what_is_no_answer(clips: ClipColumns, tables: tuple[str, ...], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        returned(clips, *tables)
