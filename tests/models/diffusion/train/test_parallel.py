"""The same training on one process, on two with copies of the network, on two with pieces of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from models.diffusion.train.folder import whole_checkpoints
from models.diffusion.train.log import read_log
from tests.models.diffusion.small_recipe import small_recipe
from tests.models.diffusion.train.ranks import run
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


def test_pieces_are_put_together_again_by_any_number_of_processes(tmp_path: Path, shards: Path) -> None:
    """A training of two that goes on as one, as after a machine was lost."""
    recipe = small_recipe(training={"steps": 4, "parallel": "fsdp"}, checkpoints={"every_steps": 2})
    shorter = recipe.model_copy(update={"training": recipe.training.model_copy(update={"steps": 2})})
    assert run(shorter, shards, tmp_path / "lost", 2) == [0, 0]
    assert run(recipe, shards, tmp_path / "lost", 1) == [0]
    assert [one.steps for one in whole_checkpoints(tmp_path / "lost")] == [2, 4]
    assert [line["steps"] for line in read_log(tmp_path / "lost")] == [1, 2, 3, 4]


def test_a_sharded_training_goes_on_to_the_bit(tmp_path: Path, shards: Path) -> None:
    recipe = small_recipe(training={"steps": 4, "parallel": "fsdp"}, checkpoints={"every_steps": 2})
    shorter = recipe.model_copy(update={"training": recipe.training.model_copy(update={"steps": 2})})
    assert run(recipe, shards, tmp_path / "straight", 2) == [0, 0]
    assert run(shorter, shards, tmp_path / "halves", 2) == [0, 0]
    assert run(recipe, shards, tmp_path / "halves", 2) == [0, 0]
    assert numbers(tmp_path / "halves") == numbers(tmp_path / "straight")
    same_bits(tmp_path / "halves", tmp_path / "straight")
