"""The same training on one process, on two with copies of the network, on two with pieces of it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import torch

from models.diffusion.train.distributed import joined
from models.diffusion.train.folder import whole_checkpoints
from models.diffusion.train.log import read_log
from models.diffusion.train.parallel import parallel
from models.diffusion.unet.config import SIZES
from tests.models.diffusion.small_recipe import small_recipe
from tests.models.diffusion.train.ranks import run, run_ranks
from tests.models.diffusion.train.test_resume import numbers, same_bits, tensors

VALIDATION = {"every_steps": 4, "prompts": ["a red square moves left"]}


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_two_processes_train_the_same_model_as_one(tmp_path: Path, shards: Path, strategy: str) -> None:
    """Up to the order in which gradients are added; AdamW makes a step of the rate of any of them."""
    recipes = [
        small_recipe(training={"steps": 4, "parallel": strategy, "micro_batch_size": micro}, validation=VALIDATION)
        for micro in (4, 1)
    ]
    for size, recipe in enumerate(recipes, start=1):
        assert run(recipe, shards, tmp_path / str(size), size) == [0] * size
    one, two = (read_log(tmp_path / size) for size in ("1", "2"))
    assert [line["event"] for line in two] == ["train"] * 4 + ["validation"]
    for first, second in zip(one[:4], two[:4], strict=True):
        assert second["loss"] == pytest.approx(first["loss"], rel=1e-3)
        assert second["grad_norm"] == pytest.approx(first["grad_norm"], rel=1e-2)
    assert two[4]["held_out_loss"] == pytest.approx(one[4]["held_out_loss"], rel=1e-3)
    assert (tmp_path / "2" / "samples" / "000000000016" / "00.mp4").stat().st_size > 0
    weights, others = (tensors(tmp_path / size) for size in ("1", "2"))
    assert weights.keys() == others.keys()
    for file, saved in weights.items():
        assert saved.keys() == others[file].keys()
        for name, weight in saved.items():
            torch.testing.assert_close(others[file][name], weight, rtol=0, atol=4e-3, msg=f"{file}: {name}")


def test_a_sharded_training_goes_on_to_the_bit_and_on_any_number_of_processes(tmp_path: Path, shards: Path) -> None:
    """With one process less, as after a machine was lost, it goes on too."""
    recipe = small_recipe(training={"steps": 4, "parallel": "fsdp"}, checkpoints={"every_steps": 2})
    straight, halves, fewer = (tmp_path / name for name in ("straight", "halves", "fewer"))
    assert run(recipe, shards, straight, 2) == [0, 0]
    # As if it had been killed before its second checkpoint was whole.
    shutil.copytree(straight, halves)
    shutil.rmtree(whole_checkpoints(halves)[-1].path)
    assert [one.steps for one in whole_checkpoints(halves)] == [2]
    shutil.copytree(halves, fewer)
    assert run(recipe, shards, halves, 2) == [0, 0]
    assert numbers(halves) == numbers(straight)
    same_bits(halves, straight)
    assert run(recipe, shards, fewer, 1) == [0]
    assert [one.steps for one in whole_checkpoints(fewer)] == [2, 4]
    losses = [[line["loss"] for line in read_log(output)] for output in (fewer, straight)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def _what_the_network_is_told(rank: int, port: int, file: Path) -> None:
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_RANK": str(rank)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    from models.diffusion.unet import model

    seen: list[torch.Tensor] = []
    sinusoidal = model.sinusoidal

    def spy(values: torch.Tensor, width: int) -> torch.Tensor:
        seen.append(values)
        return sinusoidal(values, width)

    model.sinusoidal = spy
    with joined("cpu") as world:
        network = model.VideoUNet(SIZES["5m"].with_micro(1))
        sharded = parallel(network, network.wrap_units(), world, "fsdp", bf16=True)
        pixels, context = torch.zeros(1, 2, 4, 8, 8), torch.zeros(1, 4, network.config.cross_attention_dim)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            sharded(pixels, torch.tensor([0.99863]), context=context, micro=torch.tensor([[22.97]]))
    if rank == 0:
        file.write_text(" ".join(f"{float(values.flatten()[0]):.5f}" for values in seen))
    os._exit(0)


def test_noise_level_and_frame_rate_are_not_rounded_where_weights_are_bfloat16(tmp_path: Path) -> None:
    file = tmp_path / "seen"
    assert run_ranks(_what_the_network_is_told, 2, file) == [0, 0]
    assert {"0.99863", "22.97000"} <= set(file.read_text().split())
