"""A video of which a planned clip could not be written counts as failed, and keeps the clips that could."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.parquet as pq

import curation
from curation.config import ResolvedPipeline
from curation.engine.in_process import InProcess
from curation.engine.job import Job
from curation.engine.summary import summarise
from curation.sources.discover import discover


def pipeline(cured: Path) -> ResolvedPipeline:
    run = {"concurrency": 1, "batch_size": 4}
    return ResolvedPipeline.from_dict(
        {
            "name": "test",
            "stages": [
                {
                    "name": "whole",
                    "use": "tests.curation.engine.leaving_out:LeavesOut",
                    "config": {"cured": str(cured)},
                    "run": run,
                },
                {"name": "mean", "use": "tests.curation.engine.stages:Mean", "config": {}, "run": run},
            ],
        }
    )


def test_it_is_told_and_retried(tmp_path: Path, bikes: Path) -> None:
    videos, dataset, cure = tmp_path / "videos", tmp_path / "dataset", tmp_path / "cured"
    videos.mkdir()
    shutil.copy(bikes, videos / "a.mp4")
    shutil.copy(bikes, videos / "b.mp4")
    with (videos / "b.mp4").open("ab") as file:
        file.write(b"\0" * 8)
    reason = "1 of 3 clips are left out: cannot encode the clip: Cannot allocate memory"
    outcome = Job(pipeline(cure), str(dataset), InProcess()).run(discover([str(videos)]))
    first, second = curation.Dataset(str(dataset)).videos().to_pylist()
    assert (first["status"], first["error_stage"], first["error"], first["num_clips"]) == ("failed", "whole", reason, 2)
    assert (second["status"], second["error"], second["num_clips"]) == ("ok", None, 3)
    clips = curation.Dataset(str(dataset)).clips().to_pylist()
    assert [Path(row["source"]).name for row in clips] == ["a.mp4"] * 2 + ["b.mp4"] * 3
    assert all((dataset / row["media"]).exists() and row["mean"] > 1 for row in clips)
    assert (dataset / "contact_sheets" / f"{first['video_id']}.jpg").exists()
    summary = summarise(outcome)
    assert (summary.videos_failed, summary.failures) == (1, {("whole", reason): 1})

    again = Job(pipeline(cure), str(dataset), InProcess()).run(discover([str(videos)]))
    assert not again.work
    assert summarise(again).failures == {("whole", reason): 1}

    cure.touch()
    outcome = Job(pipeline(cure), str(dataset), InProcess()).retry()
    assert [item.video_id for item in outcome.work.videos] == [first["video_id"]]
    assert summarise(outcome).failures == {}
    assert [row["status"] for row in curation.Dataset(str(dataset)).videos().to_pylist()] == ["ok", "ok"]
    mended = curation.Dataset(str(dataset)).clips().to_pylist()
    assert {row["clip_id"] for row in clips} < {row["clip_id"] for row in mended}
    assert len(mended) == pq.read_table(dataset / "annotations" / "mean").num_rows == 6
