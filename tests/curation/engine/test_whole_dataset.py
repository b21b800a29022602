"""Stages that see the whole dataset: when they run, and what becomes of failures."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import curation
from curation.config import ResolvedPipeline
from curation.engine.executor import Executor
from curation.engine.in_process import InProcess
from curation.engine.job import Job, Outcome
from curation.engine.on_ray import OnRay
from curation.engine.summary import summarise
from curation.engine.watcher import Watcher
from curation.errors import UserError
from curation.sources.discover import discover

HERE, ON_RAY = InProcess(), OnRay()
FOLDER = "tests.curation.engine"
CLASSES = {"whole": "stages:Whole", "mean": "stages:Mean", "rank": "whole_stages:Rank", "later": "whole_stages:Later"}


def pipeline(**stages: dict[str, Any]) -> ResolvedPipeline:
    run = {"concurrency": 1, "batch_size": 4}
    described = [
        {
            "name": name,
            "use": f"{FOLDER}.{CLASSES[name]}",
            "config": config,
            "run": run if name in ("whole", "mean") else {},
        }
        for name, config in stages.items()
    ]
    return ResolvedPipeline.from_dict({"name": "test", "stages": described})


@pytest.fixture
def videos(tmp_path: Path, bikes: Path) -> Path:
    folder = tmp_path / "videos"
    folder.mkdir()
    shutil.copy(bikes, folder / "a.mp4")
    return folder


def add(videos: Path, name: str) -> None:
    shutil.copy(videos / "a.mp4", videos / name)
    with (videos / name).open("ab") as file:
        file.write(name.encode())


def run(
    dataset: Path,
    videos: Path,
    wanted: ResolvedPipeline,
    watcher: Watcher | None = None,
    executor: Executor = HERE,
) -> Outcome:
    return Job(wanted, str(dataset), executor, watcher or Watcher()).run(discover([str(videos)]))


def column(dataset: Path, name: str) -> list[Any]:
    return curation.Dataset(str(dataset)).clips()[name].to_pylist()


def parts(dataset: Path, stage: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (dataset / "annotations" / stage).iterdir()}


class Interrupting(Watcher):
    """Ctrl-C when a step begins."""

    def __init__(self, step: str) -> None:
        self.step = step

    def working(self, what: str) -> None:
        if self.step in what:
            raise KeyboardInterrupt


class Listening(Watcher):
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warned(self, message: str) -> None:
        self.warnings.append(message)


@pytest.mark.usefixtures("ray_here")
def test_it_runs_when_clips_inputs_or_parameters_changed_and_else_never(tmp_path: Path, videos: Path) -> None:
    dataset = tmp_path / "dataset"
    outcome = run(dataset, videos, pipeline(whole={}, mean={}, rank={}, later={}), executor=ON_RAY)
    assert (column(dataset, "rank"), column(dataset, "backwards")) == ([0, 1, 2], [2, 1, 0])
    assert (outcome.progress.annotated["rank"], summarise(outcome).failures) == (3, {})
    assert set(outcome.progress.cpu_s) >= {"mean", "rank", "later"}
    assert not run(dataset, videos, pipeline(whole={}, mean={}, rank={}, later={})).work
    stored = ResolvedPipeline.from_dict(curation.Dataset(str(dataset)).description["pipeline"])
    assert not Job(stored, str(dataset), HERE).annotate("rank").work
    assert not Job(stored, str(dataset), HERE).retry().work

    means = parts(dataset, "mean")
    outcome = run(dataset, videos, pipeline(whole={}, mean={}, rank={"descending": True}, later={}))
    assert (outcome.work.videos, outcome.work.clips, outcome.work.whole) == ([], [], ("rank", "later"))
    assert outcome.work.missing == {"mean": 0, "rank": 3, "later": 3}
    assert summarise(outcome).clips == 3
    assert (column(dataset, "rank"), column(dataset, "backwards")) == ([2, 1, 0], [0, 1, 2])
    assert parts(dataset, "mean") == means

    listening = Listening()
    add(videos, "b.mp4")
    run(dataset, videos, pipeline(whole={}, mean={}), listening)
    (warning,) = listening.warnings
    assert warning.startswith("later, rank: not in this pipeline, and made before clips changed")
    assert column(dataset, "rank").count(None) == 3
    wanted = pipeline(whole={}, mean={}, rank={}, later={})
    outcome = Job(wanted, str(dataset), HERE).annotate("rank")
    assert (outcome.work.missing, sorted(column(dataset, "rank"))) == ({"rank": 6}, list(range(6)))

    Job(wanted, str(dataset), HERE).annotate("mean", again=True)
    ranks = parts(dataset, "rank")
    outcome = run(dataset, videos, wanted)
    assert (outcome.work.clips, outcome.work.whole) == ([], ("rank", "later"))
    assert sorted(column(dataset, "backwards")) == list(range(6))
    assert ranks.keys() == parts(dataset, "rank").keys()
    assert ranks != parts(dataset, "rank"), "the state of the tables that it was made from is another"


@pytest.mark.usefixtures("ray_here")
def test_a_failure_is_told_of_every_clip_until_it_is_retried(tmp_path: Path, videos: Path) -> None:
    dataset, cure = tmp_path / "dataset", tmp_path / "cured"
    with pytest.raises(KeyboardInterrupt):
        run(dataset, videos, pipeline(whole={}, mean={}, rank={}), Interrupting("rank: "))
    assert len(column(dataset, "mean")) == 3
    assert not (dataset / "annotations" / "rank").exists()
    reasons = {
        "raise": "ValueError: no rank for this",
        "die": "the worker process died 2 times on it (crash, or out of memory)",
    }
    for how, reason in reasons.items():
        failing = pipeline(whole={}, mean={}, rank={"how": how, "cured": str(cure)})
        outcome = run(dataset, videos, failing, executor=ON_RAY if how == "die" else HERE)
        assert summarise(outcome).failures == {("rank", reason): 3}
        assert column(dataset, "rank") == [None] * 3
        assert not run(dataset, videos, failing).work
    cure.touch()
    outcome = Job(failing, str(dataset), HERE).retry()
    assert (outcome.work.missing, summarise(outcome).failures) == ({"mean": 0, "rank": 3}, {})
    assert column(dataset, "rank") == [0, 1, 2]
    ranks = parts(dataset, "rank")
    with pytest.raises(UserError, match="no space left"):
        run(dataset, videos, pipeline(whole={}, mean={}, rank={"how": "disk full"}))
    assert parts(dataset, "rank") == ranks
    with pytest.raises(UserError, match=r"rank asks for 9999 CPUs and the largest machine has .*rank\.run\.num_cpus"):
        run(dataset, videos, _with_cpus(pipeline(whole={}, mean={}, rank={}), 9999), executor=ON_RAY)


def _with_cpus(wanted: ResolvedPipeline, cpus: float) -> ResolvedPipeline:
    described = wanted.to_dict()
    described["stages"][-1]["run"]["num_cpus"] = cpus
    return ResolvedPipeline.from_dict(described)
