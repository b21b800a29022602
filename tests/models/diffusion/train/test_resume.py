"""A training that was killed ends with the same bits as one that never was."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from models.diffusion.train.folder import whole_checkpoints
from models.diffusion.train.log import read_log
from tests.models.diffusion.small_recipe import small_recipe
from tests.models.diffusion.train.ranks import kill_at, run, started

RECIPE = small_recipe(
    training={"steps": 40, "batch_size": 2, "micro_batch_size": 1},
    checkpoints={"every_steps": 25, "snapshot_every_steps": 20},
)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory, shards: Path) -> Callable[[int], Path]:
    """The output of a training that was never stopped, by the number of ranks."""

    @cache
    def trained(size: int) -> Path:
        output = tmp_path_factory.mktemp("straight")
        assert run(RECIPE, shards, output, size) == [0] * size
        return output

    return trained


def numbers(output: Path) -> list[dict[str, Any]]:
    """The log without what a clock says."""
    timed = ("time", "samples_per_s", "data_wait")
    return [{key: value for key, value in line.items() if key not in timed} for line in read_log(output)]


def tensors(output: Path) -> dict[str, dict[str, torch.Tensor]]:
    """Weights and averages of the last checkpoint, and the snapshots."""
    newest = whole_checkpoints(output)[-1].path
    files = [*newest.glob("unet/*.safetensors"), *newest.glob("ema/*.safetensors"), *output.glob("ema_snapshots/*")]
    return {file.name: load_file(file) for file in files}


def same_bits(one: Path, other: Path) -> None:
    first, second = tensors(one), tensors(other)
    assert first.keys() == second.keys()
    for file, weights in first.items():
        assert weights.keys() == second[file].keys()
        for name, weight in weights.items():
            assert torch.equal(weight, second[file][name]), f"{file}: {name}"


@pytest.mark.parametrize("size", [1, 2])
def test_killed_after_step_25_it_goes_on_as_if_it_had_not_been(
    tmp_path: Path, shards: Path, straight: Callable[[int], Path], size: int
) -> None:
    kill_at(RECIPE, shards, tmp_path, size, 28)
    assert [one.steps for one in whole_checkpoints(tmp_path)] == [25]
    assert read_log(tmp_path)[-1]["steps"] >= 28
    assert run(RECIPE, shards, tmp_path, size) == [0] * size
    assert [line["steps"] for line in read_log(tmp_path)] == list(range(1, 41))
    assert numbers(tmp_path) == numbers(straight(size))
    same_bits(tmp_path, straight(size))


def test_sigterm_saves_and_the_same_command_goes_on(
    tmp_path: Path, shards: Path, straight: Callable[[int], Path]
) -> None:
    with started(RECIPE, shards, tmp_path, 1) as (process,):
        while not any(line["steps"] >= 7 for line in read_log(tmp_path)):
            assert process.is_alive()
            time.sleep(0.02)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGTERM)
        process.join(60)
        assert process.exitcode == 130
    (checkpoint,) = whole_checkpoints(tmp_path)
    assert checkpoint.steps == read_log(tmp_path)[-1]["steps"] < 40
    assert run(RECIPE, shards, tmp_path, 1) == [0]
    assert numbers(tmp_path) == numbers(straight(1))
    same_bits(tmp_path, straight(1))
