"""`curation train` as a user calls it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml

from models.diffusion.train.folder import whole_checkpoints
from models.diffusion.train.log import read_log
from tests.models.diffusion.shape_shards import some_shapes, write_shards
from tests.models.diffusion.small_recipe import SMALL
from tests.scratch_disk import on_small_disk

Here = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shards(tmp_path_factory.mktemp("shapes"), some_shapes([0.0, 2.0]))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "own.yaml"
    file.write_text(yaml.safe_dump({"recipes": {"small": SMALL}}))
    return file


@pytest.fixture
def train(curation_here: Here, shards: Path, config: Path, tmp_path: Path) -> Here:
    def call(*arguments: str | Path, data: Path = shards) -> subprocess.CompletedProcess[str]:
        told = ["--recipe", "small", "--config", config, "--output", tmp_path / "out", "--device", "cpu"]
        return curation_here("train", data, *told, *arguments)

    return call


def test_it_trains_says_what_it_does_and_goes_on(train: Here, tmp_path: Path) -> None:
    first = train("--set", "training.steps=2")
    assert first.returncode == 0, first.stderr
    assert "one process, CPU, fp32" in first.stderr
    assert "from random weights" in first.stderr
    second = train("--set", "training.steps=3")
    assert second.returncode == 0, second.stderr
    assert "goes on from step 2" in second.stderr
    assert [line["steps"] for line in read_log(tmp_path / "out")] == [1, 2, 3]
    assert [one.steps for one in whole_checkpoints(tmp_path / "out")] == [2, 3]


def test_a_training_that_has_ended_does_nothing_more(train: Here, tmp_path: Path) -> None:
    assert train("--set", "training.steps=1", "--quiet").returncode == 0
    before = (tmp_path / "out" / "checkpoints" / "000000000004" / "complete.json").stat().st_mtime_ns
    again = train("--set", "training.steps=1", "--quiet")
    assert again.returncode == 0
    assert again.stderr == ""
    assert (tmp_path / "out" / "checkpoints" / "000000000004" / "complete.json").stat().st_mtime_ns == before


def one_line(told: subprocess.CompletedProcess[str]) -> str:
    """The message of a request that cannot run, which is one line after what was being done."""
    assert told.returncode == 2
    assert "Traceback" not in told.stderr
    messages = [line for line in told.stderr.splitlines() if line.startswith("error: ")]
    assert len(messages) == 1
    assert told.stderr.splitlines()[-1] == messages[0]
    return messages[0]


def test_no_shards_there(train: Here, tmp_path: Path) -> None:
    assert f"{tmp_path}/none: no whole shards; write them with: curation pack" in one_line(
        train(data=tmp_path / "none")
    )


def test_a_shard_that_was_cut_off(train: Here, tmp_path: Path) -> None:
    damaged = write_shards(tmp_path / "damaged", some_shapes([1.0])[:4])
    with (damaged / "000000.tar").open("r+b") as file:
        file.truncate(1000)
    assert "000000.tar: has 1,000 bytes instead of" in one_line(train(data=damaged))


def test_a_recipe_that_is_not_there(curation_here: Here, shards: Path, config: Path, tmp_path: Path) -> None:
    told = curation_here("train", shards, "--recipe", "smal", "--config", config, "--output", tmp_path / "out")
    assert one_line(told) == f'error: {config}: no recipe "smal"; did you mean "small"?'


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_no_gpu_where_one_was_asked_for(train: Here) -> None:
    assert "--device cuda: PyTorch finds no GPU here" in one_line(train("--device", "cuda"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_the_cpu_in_the_place_of_a_gpu_is_said_aloud(train: Here) -> None:
    told = train("--device", "auto", "--set", "training.steps=1")
    assert told.returncode == 0
    assert "no GPU here: training on the CPU" in told.stderr


def test_a_checkpoint_of_another_shape(train: Here, tmp_path: Path) -> None:
    assert train("--set", "training.steps=1").returncode == 0
    told = one_line(train("--set", "training.steps=2", "--set", "unet.block_out_channels=[64]"))
    assert "a checkpoint of another model: unet.block_out_channels is [32] there and [64] in the recipe" in told
    assert [one.steps for one in whole_checkpoints(tmp_path / "out")] == [1]


def test_a_batch_that_cannot_be_dealt(train: Here) -> None:
    told = one_line(train("--set", "training.batch_size=6", "--set", "training.micro_batch_size=4"))
    assert "training.batch_size 6 cannot be dealt to 1 processes in micro-batches of 4" in told


def test_starting_from_what_is_no_checkpoint(train: Here, tmp_path: Path) -> None:
    told = one_line(train("--set", f"start.checkpoint={tmp_path}"))
    assert "is neither an output folder or checkpoint of `curation train` nor a folder of diffusers" in told


def test_starting_from_an_earlier_stage(train: Here, tmp_path: Path, curation_here: Here, shards: Path) -> None:
    assert train("--set", "training.steps=2").returncode == 0
    with_frame = ["--set", "conditioning.frame={p_mean: -3}", "--set", f"start.checkpoint={tmp_path / 'out'}"]
    told = train("--output", tmp_path / "next", "--set", "training.steps=1", *with_frame)
    assert told.returncode == 0, told.stderr
    assert f"from {tmp_path / 'out'}" in told.stderr


def test_a_disk_that_fills_while_saving(shards: Path, config: Path, tmp_path: Path) -> None:
    """The second checkpoint does not fit: the first stays whole, and nothing half written lies beside it."""
    small = tmp_path / "small"
    command = [Path(sys.executable).parent / "curation", "train", shards, "--recipe", "small", "--config", config]
    command += ["--output", small / "out", "--device", "cpu", "--quiet", "--set", "checkpoints.every_steps=1"]
    words = " ".join(f"'{word}'" for word in command)
    told = on_small_disk(
        ["sh", "-c", f"{words}; echo status $?; cd {small}/out/checkpoints; find . | sort"], small, 16_000
    )
    lines = told.stdout.splitlines()
    assert lines[0] == "status 2", told.stderr
    (message,) = [line for line in told.stderr.splitlines() if line.startswith("error: ")]
    assert "could not be written: the disk is full; checkpoints from before are whole" in message
    assert "Traceback" not in told.stderr
    assert [line for line in lines if line.count("/") == 1] == ["./000000000004"]
    assert "./000000000004/complete.json" in lines
