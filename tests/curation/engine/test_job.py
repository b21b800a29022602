"""Jobs on real Ray with stages that fail in every way."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import curation
from curation.config import ResolvedPipeline
from curation.engine.executor import Executor
from curation.engine.in_process import InProcess
from curation.engine.job import Job, Outcome
from curation.engine.on_ray import OnRay
from curation.engine.summary import summarise
from curation.errors import UserError
from curation.sources.discover import discover

STAGES = "tests.curation.engine.stages"
HERE, ON_RAY = InProcess(), OnRay()
CLASSES = {"whole": "Whole", "mean": "Mean", "twice": "Twice", "trouble": "Trouble"}


def pipeline(**stages: dict[str, Any]) -> ResolvedPipeline:
    described = [
        {"name": name, "use": f"{STAGES}:{CLASSES[name]}", "config": config, "run": {"concurrency": 1, "batch_size": 4}}
        for name, config in stages.items()
    ]
    return ResolvedPipeline.from_dict({"name": "test", "stages": described})


@pytest.fixture
def videos(tmp_path: Path, bikes: Path) -> Path:
    """Two different videos, and a copy of the first under another name."""
    folder = tmp_path / "videos"
    folder.mkdir()
    shutil.copy(bikes, folder / "a.mp4")
    shutil.copy(bikes, folder / "b.mp4")
    with (folder / "b.mp4").open("ab") as file:
        file.write(b"\0" * 8)
    shutil.copy(bikes, folder / "z-copy-of-a.mp4")
    return folder


def run(dataset: Path, videos: Path, wanted: ResolvedPipeline, executor: Executor = HERE) -> Outcome:
    return Job(wanted, str(dataset), executor).run(discover([str(videos)]))


def parts(dataset: Path, folder: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (dataset / folder).glob("*.parquet")}


@pytest.mark.usefixtures("ray_here")
@pytest.mark.parametrize("executor", [HERE, ON_RAY])
def test_rows_values_and_nothing_twice(tmp_path: Path, videos: Path, executor: Executor) -> None:
    dataset = tmp_path / "dataset"
    outcome = run(dataset, videos, pipeline(whole={}, mean={}, twice={}), executor)
    clips = curation.Dataset(str(dataset)).clips().to_pylist()
    assert [Path(row["source"]).name for row in clips] == ["a.mp4"] * 3 + ["b.mp4"] * 3
    assert len({row["clip_id"] for row in clips}) == 6
    assert all(row["twice"] == pytest.approx(2 * row["mean"]) and row["mean"] > 1 for row in clips)
    assert all((dataset / row["media"]).stat().st_size == row["bytes"] for row in clips)
    rows = curation.Dataset(str(dataset)).videos().to_pylist()
    assert [[Path(other).name for other in row["duplicates"]] for row in rows] == [["z-copy-of-a.mp4"], []]
    summary = summarise(outcome)
    assert (summary.videos, summary.duplicates, summary.clips, summary.failures) == (2, 1, 6, {})
    assert not run(dataset, videos, pipeline(whole={}, mean={}, twice={}), executor).work


def test_changed_parameters_recompute_that_stage_and_what_reads_it(tmp_path: Path, videos: Path) -> None:
    dataset = tmp_path / "dataset"
    run(dataset, videos, pipeline(whole={}, mean={}, trouble={"how": "not at all"}))
    before = {folder: parts(dataset, folder) for folder in ("videos", "clips", "annotations/trouble")}
    media = {path: path.stat().st_mtime_ns for path in dataset.rglob("*.mp4")}
    first = curation.Dataset(str(dataset)).clips()["mean"].to_pylist()
    outcome = run(dataset, videos, pipeline(whole={}, mean={"scale": 3.0}, trouble={"how": "not at all"}))
    assert (len(outcome.work.videos), outcome.work.missing) == (0, {"mean": 6, "trouble": 0})
    assert curation.Dataset(str(dataset)).clips()["mean"].to_pylist() == pytest.approx([3 * mean for mean in first])
    assert {folder: parts(dataset, folder) for folder in before} == before
    assert {path: path.stat().st_mtime_ns for path in dataset.rglob("*.mp4")} == media


def test_other_clips_replace_the_old_ones(tmp_path: Path, videos: Path) -> None:
    dataset = tmp_path / "dataset"
    run(dataset, videos, pipeline(whole={}, mean={}))
    outcome = run(dataset, videos, pipeline(whole={"copies": 1}, mean={}))
    assert outcome.work.stale == 2
    clips = curation.Dataset(str(dataset)).clips()
    assert clips.num_rows == 2
    assert sorted(str(path.relative_to(dataset)) for path in dataset.rglob("*.mp4")) == sorted(
        clips["media"].to_pylist()
    )
    assert pq.read_table(dataset / "annotations" / "mean").num_rows == 2


def test_bad_clips_fail_alone_and_are_retried(tmp_path: Path, bikes: Path) -> None:
    reasons = {
        "raise": "ValueError: this clip is no good",
        "no value": "Could not convert",
        "error": "ItemError: nothing can be said of this clip",
        "other name": "returned good, which trouble does not write",
    }
    dataset, cure = tmp_path / "dataset", tmp_path / "cured"
    trouble = {"how": ", ".join(reasons), "cured": str(cure)}
    outcome = run(dataset, bikes, pipeline(whole={"copies": 6}, mean={}, trouble=trouble))
    assert_failed(dataset, reasons)
    assert sum(summarise(outcome).failures.values()) == 4
    cure.touch()
    means = parts(dataset, "annotations/mean")
    stored = ResolvedPipeline.from_dict(curation.Dataset(str(dataset)).description["pipeline"])
    outcome = Job(stored, str(dataset), HERE).retry()
    assert outcome.work.missing == {"mean": 0, "trouble": 4}
    assert curation.Dataset(str(dataset)).clips()["fine"].to_pylist() == [True] * 6
    assert parts(dataset, "annotations/mean") == means
    assert not Job(stored, str(dataset), HERE).retry().work


@pytest.mark.usefixtures("ray_here")
def test_clips_that_kill_their_worker_fail_alone(tmp_path: Path, bikes: Path) -> None:
    reasons = dict.fromkeys(("die", "lose the device"), "the worker process died 2 times")
    dataset = tmp_path / "dataset"
    run(dataset, bikes, pipeline(whole={"copies": 4}, mean={}, trouble={"how": ", ".join(reasons)}), ON_RAY)
    assert_failed(dataset, reasons)


def assert_failed(dataset: Path, reasons: Mapping[str, str]) -> None:
    """The first clip and the last are fine, those between failed for these reasons, and all have a mean."""
    first, *failed, last = curation.Dataset(str(dataset)).clips().to_pylist()
    assert len(failed) == len(reasons)
    assert (first["fine"], last["fine"]) == (True, True)
    for row, reason in zip(failed, reasons.values(), strict=True):
        assert row["fine"] is None
        assert reason in row["trouble_error"]
    assert first["trouble_error"] is last["trouble_error"] is None
    assert all(row["mean"] is not None and row["mean_error"] is None for row in [first, *failed, last])


def test_an_error_in_the_place_of_values_costs_no_second_call(tmp_path: Path, bikes: Path) -> None:
    dataset, calls = tmp_path / "dataset", tmp_path / "calls"
    run(dataset, bikes, pipeline(whole={}, trouble={"how": "error", "calls": str(calls)}))
    rows = curation.Dataset(str(dataset)).clips().to_pylist()
    assert [row["fine"] for row in rows] == [True, None, True]
    assert [row["trouble_error"] for row in rows] == [None, "ItemError: nothing can be said of this clip", None]
    assert calls.read_text() == "3 "


@pytest.mark.usefixtures("ray_here")
def test_bad_videos_fail_alone(tmp_path: Path, videos: Path) -> None:
    dataset = tmp_path / "dataset"
    shutil.copy(videos / "b.mp4", videos / "good.mp4")
    with (videos / "good.mp4").open("ab") as file:
        file.write(b"\0" * 8)
    run(dataset, videos, pipeline(whole={"fail_on": "a.mp4", "die_on": "b.mp4"}, mean={}), ON_RAY)
    failing, deadly, good = curation.Dataset(str(dataset)).videos().to_pylist()
    assert (failing["status"], failing["error_stage"], failing["num_clips"]) == ("failed", "whole", 0)
    assert "the second clip cannot be written" in failing["error"]
    assert (deadly["status"], deadly["error_stage"], deadly["num_clips"]) == ("failed", "source", 0)
    assert "the worker process died 2 times" in deadly["error"]
    assert (good["status"], good["num_clips"]) == ("ok", 3)
    assert len(list(dataset.rglob("*.mp4"))) == 3
    assert pq.read_table(dataset / "annotations" / "mean").num_rows == 3


@pytest.mark.usefixtures("ray_here")
@pytest.mark.parametrize(
    ("how", "reason", "executor"),
    [
        ("disk full", "no space left", HERE),
        ("disk full", "no space left", ON_RAY),
        ("no start", "the weights are broken", HERE),
        ("no start", "the weights are broken", ON_RAY),
        ("lose the device", "device-side assert triggered", HERE),
    ],
)
def test_what_no_item_is_to_blame_for_stops_the_run_and_loses_nothing(
    tmp_path: Path, videos: Path, how: str, reason: str, executor: Executor
) -> None:
    dataset = tmp_path / "dataset"
    with pytest.raises(UserError, match=reason) as error:
        run(dataset, videos, pipeline(whole={}, trouble={"how": how}, mean={}), executor)
    assert "\n" not in str(error.value)
    run(dataset, videos, pipeline(whole={}, trouble={"how": "not at all"}, mean={}))
    clips = curation.Dataset(str(dataset)).clips().to_pylist()
    assert [(row["fine"], row["mean"] is None) for row in clips] == [(True, False)] * 6


def test_unreadable_source_is_a_row_until_it_can_be_read(tmp_path: Path, videos: Path) -> None:
    dataset = tmp_path / "dataset"
    target = tmp_path / "later.mp4"
    (videos / "dangling.mp4").symlink_to(target)
    run(dataset, videos, pipeline(whole={}, mean={}))
    rows = {Path(row["source"]).name: row for row in curation.Dataset(str(dataset)).videos().to_pylist()}
    assert rows["dangling.mp4"]["error_stage"] == "source"
    assert "not found" in rows["dangling.mp4"]["error"]
    shutil.copy(videos / "b.mp4", target)
    with target.open("ab") as file:
        file.write(b"\0")
    stored = ResolvedPipeline.from_dict(curation.Dataset(str(dataset)).description["pipeline"])
    Job(stored, str(dataset), HERE).retry()
    rows = curation.Dataset(str(dataset)).videos().to_pylist()
    assert [row["status"] for row in rows] == ["ok"] * 3
