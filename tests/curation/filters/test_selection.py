"""Selections as they are stored: columns, order, reasons, metadata, and what is told when there is none."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from curation.dataset.fingerprint import dataset_fingerprint
from curation.dataset.storage import Storage
from curation.errors import UserError
from curation.filters import ClipTable, filter_of, read_selection, selection, write_selection
from curation.filters.apply import apply_filter
from tests.curation.datasets import write_annotation, write_dataset

SCORES = {
    "optical_flow": {
        "motion_score": [5.0, 1.0, None, 4.0, 0.5],
        "optical_flow_error": [None, None, "black", None, None],
    },
    "text_detection": {"text_area": [0.0, 0.5, 0.5, 0.01, 0.0]},
}
FILTER = {
    "rules": [
        {"motion_score": {"drop_lowest": "25%"}},
        {"text_area": {"max": 0.07}},
        {"sql": "motion_score > 1", "name": "moves"},
    ]
}


def select(storage: Storage) -> str:
    applied = apply_filter(ClipTable.open(storage), filter_of("mine", FILTER))
    return write_selection(storage, applied.verdicts, applied.table)


@pytest.fixture(params=["local", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    url = str(tmp_path / "dataset") if request.param == "local" else f"memory://selection/{tmp_path.name}"
    return write_dataset(url, 5, SCORES)


def test_a_row_per_clip_with_the_first_reason_and_all(storage: Storage) -> None:
    assert select(storage) == "selections/mine.parquet"
    found = read_selection(storage, "mine")
    lowest, area = "motion_score: drop_lowest 25%", "text_area: max 0.07"
    assert [tuple(row.values()) for row in found.rows.to_pylist()] == [
        ("c000", True, None, []),
        ("c001", False, area, [area, "moves"]),
        ("c002", False, "motion_score: null", ["motion_score: null", area, "moves: null"]),
        ("c003", True, None, []),
        ("c004", False, lowest, [lowest, "moves"]),
    ]
    assert found.kept_ids() == ["c000", "c003"]
    assert found.rows.schema.types == selection.SCHEMA.types
    assert storage.files("selections") == ["selections/mine.parquet"]


def test_it_carries_the_filter_its_numbers_and_the_fingerprint(storage: Storage) -> None:
    select(storage)
    found = read_selection(storage, "mine")
    assert found.filter == FILTER
    assert [rule.get("min") for rule in found.resolved["rules"]] == [1.0, None, None]
    assert found.dataset_fingerprint == dataset_fingerprint(storage)
    assert not found.is_stale(storage)
    write_annotation(storage, "optical_flow", {"motion_score": [1.0]}, ["c000"], part=1)
    assert found.is_stale(storage)


def test_any_reader_of_parquet_understands_it(tmp_path: Path) -> None:
    select(write_dataset(str(tmp_path), 5, SCORES))
    file = str(tmp_path / "selections/mine.parquet")
    assert duckdb.sql(f"SELECT count(*) FROM '{file}' WHERE kept").fetchall() == [(2,)]
    metadata = pq.read_schema(file).metadata
    assert json.loads(metadata[b"curation.filter"]) == FILTER
    assert set(metadata) == {b"curation.filter", b"curation.resolved", b"curation.dataset_fingerprint"}


def test_many_clips_are_written_in_several_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = write_dataset(str(tmp_path), 5, SCORES)
    select(storage)
    whole = read_selection(storage, "mine").rows
    monkeypatch.setattr(selection, "ROWS_AT_ONCE", 2)
    select(storage)
    assert read_selection(storage, "mine").rows.to_pylist() == whole.to_pylist()


def test_a_selection_that_is_not_there_is_told_with_the_command(tmp_path: Path) -> None:
    storage = write_dataset(str(tmp_path), 5, SCORES)
    with pytest.raises(UserError) as caught:
        read_selection(storage, "mine")
    told = f'{tmp_path}: no selection "mine" yet; make it with: curation filter {tmp_path} --filter mine'
    assert str(caught.value) == told


def test_other_files_are_refused(tmp_path: Path) -> None:
    storage = write_dataset(str(tmp_path), 5, SCORES)
    storage.write_bytes("selections/text.parquet", b"text")
    storage.write_bytes("selections/clips.parquet", storage.read_bytes("clips/part-000000-aa.parquet"))
    with pytest.raises(UserError, match=r"selections/text\.parquet: not a Parquet file"):
        read_selection(storage, "text")
    with pytest.raises(UserError, match=r"selections/clips\.parquet: not a selection of curation filter"):
        read_selection(storage, "clips")
    with pytest.raises(UserError, match="a filter's name is"):
        read_selection(storage, "../clips/part-000000-aa")


def test_a_filter_without_rules_keeps_all(tmp_path: Path) -> None:
    storage = write_dataset(str(tmp_path), 5, SCORES)
    applied = apply_filter(ClipTable.open(storage), filter_of("all", {"rules": []}))
    write_selection(storage, applied.verdicts, applied.table)
    assert read_selection(storage, "all").kept_ids() == ["c000", "c001", "c002", "c003", "c004"]


def test_a_clip_that_stands_twice_in_a_table_is_told(tmp_path: Path) -> None:
    storage = write_dataset(str(tmp_path), 5, SCORES)
    write_annotation(storage, "optical_flow", {"motion_score": [1.0]}, ["c000"], part=1)
    with pytest.raises(UserError, match="a table holds a clip twice: a run is writing to it, or was killed"):
        select(storage)


def test_a_dataset_that_changes_while_it_is_open_is_told(tmp_path: Path) -> None:
    storage = write_dataset(str(tmp_path), 5, SCORES)
    table = ClipTable.open(storage)
    table.need(["motion_score"])
    write_dataset(str(tmp_path), 6)
    with pytest.raises(UserError, match="has changed since it was opened"):
        table.need(["text_area"])
