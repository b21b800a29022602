"""Training on the workers of a Ray cluster; a worker that is lost costs nothing but time."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from curation.engine.cluster import ray_session
from models.diffusion.errors import DiffusionError
from models.diffusion.train.folder import whole_checkpoints
from models.diffusion.train.log import read_log
from models.diffusion.train.on_ray import Workers, _problem_of, _work, train_on_ray
from tests.models.diffusion.small_recipe import small_recipe

TWO = Workers(2, 2, gpus=False, cpus=0.5)


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    os.environ.setdefault("RAY_TRAIN_V2_ENABLED", "1")
    with ray_session(None):
        yield


def own_workers() -> list[int]:
    """Processes of training workers that descend from this one, by /proc."""
    parents, names = {}, {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            names[int(entry.name)] = (entry / "cmdline").read_bytes()
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue

    def is_own(pid: int) -> bool:
        return pid == os.getpid() or (pid in parents and is_own(parents[pid]))

    return sorted(pid for pid, name in names.items() if b"RayTrainWorker" in name and is_own(pid))


def test_two_workers_and_one_of_them_is_killed(tmp_path: Path, shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shards are named relative to a folder that is not the workers'."""
    monkeypatch.chdir(shards.parent)
    recipe = small_recipe(training={"steps": 12, "batch_size": 2}, checkpoints={"every_steps": 3})
    killed: list[int] = []

    def kill_one() -> None:
        while not any(line["steps"] >= 5 for line in read_log(tmp_path)):
            time.sleep(0.05)
        killed.extend(own_workers()[-1:])
        os.kill(killed[0], signal.SIGKILL)

    killer = threading.Thread(target=kill_one, daemon=True)
    killer.start()
    assert train_on_ray(recipe, [shards.name], tmp_path, TWO)
    killer.join(10)
    assert killed
    assert whole_checkpoints(tmp_path)[-1].steps == 12
    assert [line["steps"] for line in read_log(tmp_path)] == list(range(1, 13))


def test_a_mistake_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DiffusionError, match="no whole shards; write them with: curation pack") as told:
        train_on_ray(small_recipe(), [str(tmp_path / "nowhere")], tmp_path, Workers(1, 1, gpus=False, cpus=0.5))
    assert "\n" not in str(told.value)


def test_workers_that_are_started_again_tell_what_ended_one_of_them(tmp_path: Path) -> None:
    problem = _problem_of(tmp_path)
    problem.parent.mkdir()
    problem.write_text("the disk is full")
    told = {"recipe": small_recipe().model_dump_json(), "output": str(tmp_path), "device": "cpu"}
    assert _work(told) == {"finished": False, "problem": "the disk is full"}


def test_numbers_of_workers_that_the_batch_cannot_be_dealt_to(tmp_path: Path) -> None:
    with pytest.raises(DiffusionError, match="cannot be dealt to 3 processes"):
        train_on_ray(small_recipe(), ["shards"], tmp_path, Workers(2, 4, gpus=False))
