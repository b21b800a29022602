"""`curation train` as a user calls it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from filelock import FileLock

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
    assert "a checkpoint of another training: unet.block_out_channels is [32] there and [64] in the recipe" in told
    assert [one.steps for one in whole_checkpoints(tmp_path / "out")] == [1]


@pytest.mark.parametrize(
    "other",
    ["autoencoder.scale=3.0", "text_encoder.layer=last", "ema.sigma_rel=[0.05]", "optimizer.trainable=temporal"],
)
def test_a_checkpoint_of_another_training(train: Here, tmp_path: Path, other: str) -> None:
    assert train("--set", "training.steps=1").returncode == 0
    told = one_line(train("--set", "training.steps=2", "--set", other))
    assert f"a checkpoint of another training: {other.partition('=')[0]}" in told


def test_with_another_batch_size_it_ends_at_the_same_step(train: Here, tmp_path: Path) -> None:
    assert train("--set", "training.steps=2").returncode == 0
    assert train("--set", "training.steps=4", "--set", "training.batch_size=8").returncode == 0
    (_, newest) = whole_checkpoints(tmp_path / "out")
    assert (newest.steps, newest.samples) == (4, 2 * 4 + 2 * 8)


def test_what_a_machine_without_power_left(train: Here, tmp_path: Path) -> None:
    """Half a line of the log, and half a checkpoint."""
    assert train("--set", "training.steps=1").returncode == 0
    out = tmp_path / "out"
    with (out / "log.jsonl").open("a") as log:
        log.write('{"event": "tra\n\0\0\0')
    half = out / "checkpoints" / "000000000012"
    half.mkdir()
    (half / "complete.json").write_text('{"format_version": 1}')
    told = train("--set", "training.steps=2")
    assert told.returncode == 0, told.stderr
    assert "goes on from step 1" in told.stderr
    assert [line["steps"] for line in read_log(out)] == [1, 2]
    for file in (out / "checkpoints" / "000000000008" / "state").iterdir():
        file.unlink()
    assert "the optimizer's state is not there" in one_line(train("--set", "training.steps=3"))


def test_a_checkpoint_that_was_damaged(train: Here, tmp_path: Path) -> None:
    assert train("--set", "training.steps=1").returncode == 0
    (checkpoint,) = whole_checkpoints(tmp_path / "out")
    with (checkpoint.unet / "diffusion_pytorch_model.safetensors").open("r+b") as file:
        file.seek(-64, 2)
        file.write(bytes(64))
    assert "is not the file that was written (SHA-256 differs)" in one_line(train("--set", "training.steps=2"))


def test_a_log_that_cannot_be_written(train: Here, tmp_path: Path) -> None:
    (tmp_path / "out" / "log.jsonl").mkdir(parents=True)
    assert "Is a directory" in one_line(train())


def test_an_output_elsewhere(train: Here) -> None:
    assert "is a URL" in one_line(train("--output", "s3://bucket/model"))


def test_another_training_is_at_work_there(train: Here, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with FileLock(tmp_path / "out" / ".lock"):
        assert "another training is writing there" in one_line(train())


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("optimizer.betas=[0.9, 3]", "optimizer.betas.1: should be less than 1"),
        ("data.extra=[aesthetic_score, motoin_score]", "has no numbers 'motoin_score'; did you mean \"motion_score\"?"),
        ("data.extra=[key]", "has no numbers 'key'"),
        ("validation.motion_bucket=3", "validation.motion_bucket: 3 is none of the 3 buckets"),
        ("data.held_out=1000", "no clip can be trained on: 32 held out (data.held_out)"),
    ],
)
def test_values_that_cannot_be(train: Here, given: str, told: str) -> None:
    assert told in one_line(train("--set", given))


def test_a_batch_that_cannot_be_dealt(train: Here) -> None:
    told = one_line(train("--set", "training.batch_size=6", "--set", "training.micro_batch_size=4"))
    assert "training.batch_size 6 cannot be dealt to 1 processes in micro-batches of 4" in told


def test_starting_from_what_is_no_checkpoint(train: Here, tmp_path: Path) -> None:
    told = one_line(train("--set", f"start.checkpoint={tmp_path}"))
    assert "is neither an output folder or checkpoint of `curation train` nor a folder of diffusers" in told


def test_starting_from_an_earlier_stage(train: Here, tmp_path: Path, curation_here: Here, shards: Path) -> None:
    assert train("--set", "training.steps=2").returncode == 0
    with_frame = ["--set", "conditioning.frame={p_mean: -3}", "--set", f"start.checkpoint={tmp_path / 'out'}"]
    told = train("--output", tmp_path / "next", "--set", "training.steps=1", *with_frame, "--set", "start.weights=0.05")
    assert told.returncode == 0, told.stderr
    assert f"from {tmp_path / 'out'}" in told.stderr
    told = train("--output", tmp_path / "other", *with_frame, "--set", "start.weights=0.07")
    assert "has no such average; it has: raw, 0.050, 0.100" in one_line(told)


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
