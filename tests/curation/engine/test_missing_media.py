"""Clip files that somebody deleted: values stay, and the files come back where the source can be read."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import curation
from curation.config import ResolvedPipeline
from curation.engine.in_process import InProcess
from curation.engine.job import Job, Outcome
from curation.engine.summary import summarise
from curation.sources.discover import discover

STAGES = "tests.curation.engine.stages"


def pipeline(scale: float = 1.0) -> ResolvedPipeline:
    configs: dict[str, dict[str, Any]] = {"whole": {}, "mean": {"scale": scale}, "twice": {}}
    run = {"concurrency": 1, "batch_size": 4}
    stages = [
        {"name": name, "use": f"{STAGES}:{name.title()}", "config": config, "run": run}
        for name, config in configs.items()
    ]
    return ResolvedPipeline.from_dict({"name": "test", "stages": stages})


def rows(dataset: Path) -> list[dict[str, Any]]:
    return curation.Dataset(str(dataset)).clips().to_pylist()


def reasons(outcome: Outcome) -> list[str]:
    return [reason for _, reason in summarise(outcome).failures]


def test_values_stay_and_files_come_back(tmp_path: Path, bikes: Path) -> None:
    videos, dataset = tmp_path / "videos", tmp_path / "dataset"
    videos.mkdir()
    shutil.copy(bikes, videos / "a.mp4")
    shutil.copy(bikes, videos / "b.mp4")
    with (videos / "b.mp4").open("ab") as file:
        file.write(b"\0" * 8)
    Job(pipeline(), str(dataset), InProcess()).run(discover([str(videos)]))
    before = rows(dataset)
    lost = dataset / before[1]["media"]
    content = lost.read_bytes()
    told = f"clip {before[1]['media']} is missing; "

    lost.unlink()
    outcome = Job(pipeline(), str(dataset), InProcess()).annotate("mean", again=True)
    assert outcome.work.missing["mean"] == 5
    assert [reason.startswith(told) for reason in reasons(outcome)] == [True]
    assert rows(dataset) == before

    assert reasons(Job(pipeline(), str(dataset), InProcess()).annotate("twice", again=True)) == []

    outcome = Job(pipeline(scale=3.0), str(dataset), InProcess()).annotate("mean")
    assert len(reasons(outcome)) == 1
    assert [row["mean"] for row in rows(dataset)] == pytest.approx(
        [(1 if number == 1 else 3) * row["mean"] for number, row in enumerate(before)]
    )
    assert all(row["mean_error"] is None for row in rows(dataset))

    outcome = Job(pipeline(), str(dataset), InProcess()).run(discover([str(videos)]))
    assert [item.video_id for item in outcome.work.videos] == [before[1]["video_id"]]
    assert (outcome.work.stale, reasons(outcome)) == (0, [])
    assert rows(dataset) == before
    assert lost.read_bytes() == content
    assert pq.read_table(dataset / "annotations" / "mean").num_rows == 6
    assert not Job(pipeline(), str(dataset), InProcess()).run(discover([str(videos)])).work


def test_retry_writes_what_it_can(tmp_path: Path, bikes: Path) -> None:
    source, dataset = tmp_path / "a.mp4", tmp_path / "dataset"
    shutil.copy(bikes, source)
    Job(pipeline(), str(dataset), InProcess()).run(discover([str(source)]))
    before = rows(dataset)
    lost = dataset / before[1]["media"]

    lost.unlink()
    source.rename(tmp_path / "aside.mp4")
    outcome = Job(pipeline(), str(dataset), InProcess()).retry()
    assert [reason.startswith(f"clip {before[1]['media']} is missing; ") for reason in reasons(outcome)] == [True]
    assert rows(dataset) == before

    shutil.copy(bikes, source)
    with source.open("ab") as file:
        file.write(b"\0" * 8)
    assert len(reasons(Job(pipeline(), str(dataset), InProcess()).retry())) == 1
    assert rows(dataset) == before

    (tmp_path / "aside.mp4").rename(source)
    assert reasons(Job(pipeline(), str(dataset), InProcess()).retry()) == []
    assert rows(dataset) == before
    assert lost.exists()
    assert not Job(pipeline(), str(dataset), InProcess()).retry().work
