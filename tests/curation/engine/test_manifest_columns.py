"""Columns of manifests from run to run: one type each, kept, and brought up to date without decoding anything again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import curation
from curation.config import ResolvedPipeline
from curation.dataset import journal
from curation.dataset.storage import Storage
from curation.engine.in_process import InProcess
from curation.engine.job import Job, Outcome
from curation.engine.rows import video_row, video_table
from curation.engine.summary import summarise
from curation.engine.work import VideoItem
from curation.sources.discover import discover

STAGES = "tests.curation.engine.stages"


def pipeline(copies: int = 1, **config: Any) -> ResolvedPipeline:
    """Two annotators of which one reads the manifest, and one that reads what it wrote."""
    stages = [
        {"name": "whole", "use": f"{STAGES}:Whole", "config": {"copies": copies}},
        {"name": "mean", "use": f"{STAGES}:Mean", "config": {}},
        {
            "name": "label_caption",
            "use": "stages.label_caption:LabelCaption",
            "config": {"label_templates": ["of {label}"], **config},
        },
        {"name": "length", "use": f"{STAGES}:CaptionLength", "config": {}},
    ]
    return ResolvedPipeline.from_dict({"name": "test", "stages": [{"run": {"concurrency": 1}, **s} for s in stages]})


@pytest.fixture
def folder(tmp_path: Path, bikes: Path) -> Path:
    """Three videos of different content."""
    for index, name in enumerate(("a.mp4", "b.mp4", "c.mp4")):
        shutil.copy(bikes, tmp_path / name)
        with (tmp_path / name).open("ab") as file:
            file.write(b"\0" * 8 * index)
    return tmp_path


def manifest(folder: Path, *rows: dict[str, Any]) -> str:
    path = folder / "list.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def run(folder: Path, *rows: dict[str, Any], inputs: Sequence[str] = (), wanted: ResolvedPipeline | None = None) -> Any:
    sources = discover(inputs or [manifest(folder, *rows)])
    return Job(wanted or pipeline(), str(folder / "dataset"), InProcess()).run(sources)


def said(folder: Path, *names: str) -> list[tuple[Any, ...]]:
    rows = curation.Dataset(str(folder / "dataset")).videos().to_pylist()
    return [(Path(row["source"]).name, *(row.get(name) for name in names)) for row in rows]


def assert_one_schema(folder: Path) -> pa.Schema:
    files = sorted((folder / "dataset/videos").glob("*.parquet"))
    first, *others = [pq.read_schema(path).remove_metadata() for path in files]
    assert all(other == first for other in others)
    query = f"SELECT * FROM '{folder}/dataset/videos/*.parquet'"
    assert duckdb.sql(query).columns == first.names
    assert len(duckdb.sql(query).fetchall()) == curation.Dataset(str(folder / "dataset")).videos().num_rows
    return first


def test_a_column_has_one_type_whatever_later_manifests_hold(folder: Path) -> None:
    run(folder, {"path": "a.mp4", "label": 1, "score": 1, "shown": True})
    run(folder, {"path": "b.mp4", "label": 7, "score": 0.5, "shown": False, "new": "n"})
    schema = assert_one_schema(folder)
    assert [schema.field(name).type for name in ("label", "score", "shown", "new")] == [
        pa.int64(), pa.float64(), pa.bool_(), pa.string(),
    ]  # fmt: skip
    run(folder, {"path": "c.mp4", "label": "x", "score": 2, "shown": "no"})
    schema = assert_one_schema(folder)
    assert [schema.field(name).type for name in ("label", "score", "shown")] == [
        pa.string(), pa.float64(), pa.string(),
    ]  # fmt: skip
    assert said(folder, "label", "score", "shown", "new") == [
        ("a.mp4", "1", 1.0, "true", None), ("b.mp4", "7", 0.5, "false", "n"), ("c.mp4", "x", 2.0, "no", None),
    ]  # fmt: skip
    assert not run(folder, {"path": "a.mp4", "label": 1, "score": 1, "shown": True}).updated


def test_a_dataset_whose_parts_disagree_is_read_and_mended(folder: Path) -> None:
    run(folder, {"path": "a.mp4", "label": 1})
    storage = Storage(str(folder / "dataset"))
    row = video_row(VideoItem("b", "/b.mp4", {"label": "x"}, 1, []), error_stage="source", error="gone")
    pq.write_table(video_table(row), folder / "dataset/videos/part-000099-0123456789abcdef.parquet")
    assert said(folder, "label") == [("b.mp4", "x"), ("a.mp4", "1")]
    journal.fold(storage, workers_gone=True)
    assert_one_schema(folder)
    assert said(folder, "label") == [("b.mp4", "x"), ("a.mp4", "1")]
    Job(pipeline(), storage.url, InProcess()).retry()
    assert_one_schema(folder)


def test_a_corrected_manifest_updates_rows_and_what_was_computed_from_them(folder: Path) -> None:
    run(folder, {"path": "a.mp4", "label": "cat", "by": "ann"}, {"path": "b.mp4", "label": "dog"})
    dataset = folder / "dataset"
    before = {path: path.read_bytes() for name in ("clips", "annotations/mean") for path in (dataset / name).glob("*")}
    media = {path: path.stat().st_mtime_ns for path in dataset.rglob("*.mp4")}
    corrected = [{"path": "a.mp4", "label": "tiger", "set": 3}, {"path": "b.mp4", "label": "dog"}]
    outcome: Outcome = run(folder, *corrected)
    assert (outcome.updated, summarise(outcome).videos_updated, len(outcome.work.videos)) == (1, 1, 0)
    assert outcome.work.missing == {"mean": 0, "label_caption": 1, "length": 1}
    assert said(folder, "label", "by", "set") == [("a.mp4", "tiger", "ann", 3), ("b.mp4", "dog", None, None)]
    clips = curation.Dataset(str(dataset)).clips().to_pylist()
    assert [(row["caption_label"], row["length"]) for row in clips] == [("of tiger", 8), ("of dog", 6)]
    assert {path: path.read_bytes() for path in before} == before
    assert {path: path.stat().st_mtime_ns for path in dataset.rglob("*.mp4")} == media
    assert_one_schema(folder)
    again = run(folder, *corrected)
    assert (again.updated, bool(again.work)) == (0, False)


def test_a_splitter_that_reads_a_column_splits_again_where_it_was_corrected(folder: Path) -> None:
    wanted = pipeline(copies=3).to_dict()
    wanted["stages"][0] |= {"name": "per_label", "use": f"{STAGES}:PerLabel"}
    per_label = ResolvedPipeline.from_dict(wanted)
    run(folder, {"path": "a.mp4", "label": "abc"}, {"path": "b.mp4", "label": "d"}, wanted=per_label)
    media = {path: path.stat().st_mtime_ns for path in (folder / "dataset").rglob("*.mp4")}
    assert len(media) == 4
    corrected = [{"path": "a.mp4", "label": "xy", "set": 1}, {"path": "b.mp4", "label": "d", "set": 1}]
    outcome = run(folder, *corrected, wanted=per_label)
    assert (len(outcome.work.videos), outcome.work.stale, outcome.updated) == (1, 1, 1)
    assert said(folder, "label", "set", "num_clips") == [("a.mp4", "xy", 1, 2), ("b.mp4", "d", 1, 1)]
    clips = curation.Dataset(str(folder / "dataset")).clips().to_pylist()
    assert sorted((row["caption_label"], row["length"]) for row in clips) == [("of d", 4), ("of xy", 5), ("of xy", 5)]
    assert media.keys() > set((folder / "dataset").rglob("*.mp4"))
    again = run(folder, *corrected, wanted=per_label)
    assert (again.updated, bool(again.work)) == (0, False)


def test_columns_stay_until_a_manifest_says_otherwise(folder: Path) -> None:
    run(folder, {"path": "a.mp4", "label": "cat"}, {"path": "b.mp4", "label": "dog"})
    other = pipeline(copies=2)
    assert not run(folder, inputs=[str(folder / "a.mp4")]).updated
    run(folder, inputs=[str(folder / "a.mp4")], wanted=other)
    assert said(folder, "label", "num_clips") == [("a.mp4", "cat", 2), ("b.mp4", "dog", 1)]
    assert run(folder, {"path": "a.mp4", "label": None}, wanted=other).updated == 1
    assert said(folder, "label") == [("a.mp4", None), ("b.mp4", "dog")]
    clips = curation.Dataset(str(folder / "dataset")).clips().to_pylist()
    assert [row["caption_label"] for row in clips] == [None, None, "of dog"]
