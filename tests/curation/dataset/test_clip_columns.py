"""Columns of all clips, whatever parts they lie in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from curation.dataset.clip_columns import ClipColumns, ColumnSource
from curation.dataset.schema import CLIPS
from curation.dataset.storage import Storage
from curation.dataset.table import write_part


@pytest.fixture
def clips(tmp_path: Path) -> ClipColumns:
    """Clips a … e in two parts, and scores in three: of d two, one of them by other parameters; of z, which is gone."""
    storage = Storage(str(tmp_path))
    for part, ids in enumerate(("db", "eac")):
        rows = [{"clip_id": clip_id, "width": ord(clip_id)} for clip_id in ids]
        write_part(storage, f"clips/part-{part}-x.parquet", pa.Table.from_pylist(rows, schema=CLIPS), "x")
    scores = [("y", {"e": 5.0, "z": 9.0, "d": 4.0, "a": None}), ("old", {"d": 0.5, "c": 0.5}), ("y", {"b": 2.0})]
    for part, (fingerprint, values) in enumerate(scores):
        rows = pa.table({"clip_id": list(values), "score": pa.array(values.values(), pa.float32())})
        write_part(storage, f"annotations/s/part-{part}-{fingerprint}.parquet", rows, fingerprint)
    older = pa.table({"clip_id": ["a"], "unrelated": [1]})
    write_part(storage, "annotations/s/part-9-y.parquet", older, "y")
    sources = {
        "score": ColumnSource("annotations/s", "y"),
        "width": ColumnSource("clips"),
        "fps": ColumnSource("clips"),
    }
    return ClipColumns(storage, sources | {"any": ColumnSource("annotations/s")})


def test_positions_follow_the_ids(clips: ClipColumns) -> None:
    assert len(clips) == 5
    assert clips.ids(slice(None)).to_pylist() == list("abcde")
    assert clips.ids(np.array([3, 0])).to_pylist() == ["d", "a"]
    assert clips.positions(pa.array(["e", "", "c", "zz", "aa"])).tolist() == [4, -1, 2, -1, -1]


def test_a_column_by_position(clips: ClipColumns) -> None:
    assert clips.read("score").to_pylist() == [None, 2.0, None, 4.0, 5.0]
    assert clips.read("width").to_pylist() == [97, 98, 99, 100, 101]
    assert clips.read("fps").to_pylist() == [None] * 5
    assert clips.read("any").to_pylist() == [None] * 5


@pytest.mark.parametrize("rows", [1, 2, 100])
def test_blocks_hold_what_is_there(clips: ClipColumns, rows: int) -> None:
    blocks = list(clips.blocks("score", rows))
    assert all(0 < len(positions) == len(values) <= rows for positions, values in blocks)
    found = {p: v for positions, values in blocks for p, v in zip(positions, values.to_pylist(), strict=True)}
    assert found == {1: 2.0, 3: 4.0, 4: 5.0}


def test_a_dataset_without_clips(tmp_path: Path) -> None:
    clips = ClipColumns(Storage(str(tmp_path)), {"width": ColumnSource("clips")})
    assert (len(clips), clips.read("width").to_pylist(), clips.ids(slice(None)).to_pylist()) == (0, [], [])
    assert clips.positions(pa.array(["a"])).tolist() == [-1]
