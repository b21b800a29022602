"""The wide table against `Dataset.clips`, which joins in Python, and its names and types."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from curation.dataset.dataset import Dataset
from curation.dataset.table import write_part
from curation.dataset.wide import columns, wide
from curation.errors import UserError
from tests.curation.datasets import write_annotation, write_dataset

FLOW = {"motion_score": [1.0, None, 3.0, 4.0, 5.0], "optical_flow_error": [None, "black", None, None, None]}
SCORES = {"aesthetic_score": [5.0] * 5, "clip_embedding": [[0.5, 0.5]] * 5}


@pytest.fixture(params=["dataset", "it's [1]*?/run=3", "memory://wide/data [1]"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    name: str = request.param
    return name if "://" in name else str(tmp_path / name)


def test_it_is_the_join_of_clips_and_annotations(url: str) -> None:
    storage = write_dataset(url, 5, {"optical_flow": FLOW, "clip_scores": SCORES}, {"label": ["cat", "dog"]})
    expected = Dataset(url).clips().drop_columns("clip_embedding").sort_by("clip_id")
    found = wide(storage).sql("FROM clips ORDER BY clip_id").to_arrow_table()
    assert found.select(expected.column_names).to_pylist() == expected.to_pylist()
    assert found["duration_s"].to_pylist() == [2.0, 3.0, 4.0, 2.0, 3.0]
    assert found["label"].to_pylist() == ["cat"] * 4 + ["dog"]
    assert found["video_status"].to_pylist() == ["ok"] * 5


def test_lists_come_when_they_are_asked_for(tmp_path: Path) -> None:
    storage = write_dataset(str(tmp_path), 5, {"clip_scores": SCORES})
    assert "clip_embedding" not in wide(storage).sql("FROM clips").columns
    assert wide(storage, ["clip_embedding"]).sql("FROM clips").fetchall() == [([0.5, 0.5],)] * 5


def test_columns_tell_their_type_and_stage(tmp_path: Path) -> None:
    storage = write_dataset(str(tmp_path), 5, {"optical_flow": FLOW}, {"label": ["cat", "dog"], "rating": [1, 2]})
    found = columns(storage)
    assert (found["motion_score"].type, found["motion_score"].stage) == (pa.float32(), "optical_flow")
    assert (found["rating"].type, found["rating"].stage) == (pa.int64(), None)
    assert found["video_codec"].table == "videos"
    assert "codec" not in found


def test_parts_of_different_schemas_are_one_table(tmp_path: Path) -> None:
    storage = write_dataset(str(tmp_path), 5)
    schema = pa.schema([("clip_id", pa.string()), ("motion_score", pa.int32())])
    write_part(storage, "annotations/flow/part-0-a.parquet", pa.table([["c000"], [7]], schema=schema), "a")
    later = pa.table({"clip_id": ["c001"], "motion_score": [0.5], "flow_error": ["x"]})
    write_part(storage, "annotations/flow/part-1-b.parquet", later, "b")
    rows = wide(storage, ["motion_score", "flow_error"]).sql("FROM clips ORDER BY ALL").fetchall()
    assert rows == [(0.5, "x"), (7.0, None), (None, None), (None, None), (None, None)]


def test_a_name_that_is_taken_gets_a_prefix(tmp_path: Path) -> None:
    storage = write_dataset(str(tmp_path), 4, {"text_detection": {"text": ["a"] * 4}}, {"TEXT": ["b"], "mode": ["c"]})
    write_part(storage, "annotations/ocr/part-0-a.parquet", pa.table({"clip_id": ["c000"], "source": ["d"]}), "a")
    found = wide(storage, ["text", "manifest_TEXT", "manifest_mode", "ocr_source"]).sql("FROM clips ORDER BY ALL")
    assert found.fetchall()[0] == ("a", "b", "c", "d")


def test_annotations_of_clips_that_are_gone_are_left_out(tmp_path: Path) -> None:
    storage = write_dataset(str(tmp_path), 5)
    write_annotation(storage, "optical_flow", {"motion_score": [1.0, 2.0]}, ["c000", "gone"])
    assert wide(storage, ["motion_score"]).sql("SELECT count(*), count(motion_score) FROM clips").fetchall() == [(5, 1)]


def test_a_dataset_without_clips_has_the_columns(tmp_path: Path) -> None:
    storage = write_dataset(str(tmp_path), 0)
    found = wide(storage).sql("FROM clips")
    assert {"clip_id", "duration_s", "width"} <= set(found.columns)
    assert found.fetchall() == []


def test_an_unknown_column_is_told_with_the_nearest(tmp_path: Path) -> None:
    storage = write_dataset(str(tmp_path), 5, {"optical_flow": FLOW})
    with pytest.raises(UserError, match='no column "motion_scor"; did you mean "motion_score"'):
        wide(storage, ["motion_scor"])


def test_a_part_that_is_no_parquet_file_is_told(tmp_path: Path) -> None:
    storage = write_dataset(str(tmp_path), 5)
    storage.write_bytes("annotations/odd/part-0-a.parquet", b"no Parquet")
    with pytest.raises(UserError, match=r"annotations/odd: cannot be read: .*part-0-a") as caught:
        columns(storage)
    assert "\n" not in str(caught.value)
