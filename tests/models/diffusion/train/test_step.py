"""One step: how parts of a batch add up, what is clipped, what happens to a loss that is no number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from models.diffusion.conditioning import ConditioningSettings
from models.diffusion.data import Batch
from models.diffusion.ema import Ema, EmaSettings
from models.diffusion.train.checkpoint import Training
from models.diffusion.train.distributed import World
from models.diffusion.train.meters import LossMeter
from models.diffusion.train.optimizer import OptimizerSettings, make_optimizer
from models.diffusion.train.state import TrainState
from models.diffusion.train.step import DivergedError, take_step
from tests.models.diffusion.train.test_objective import CPU, a_batch, a_network, an_objective

SETTINGS = ConditioningSettings()
WORLD = World(CPU)
SLOW = OptimizerSettings(learning_rate=1e-3, warmup_steps=0, clip_norm=None)


def a_training(settings: OptimizerSettings = SLOW) -> Training:
    network = a_network(SETTINGS)
    ema = Ema(dict(network.named_parameters()), EmaSettings())
    return Training(network, make_optimizer(network, settings), ema, TrainState())


def part(batch: Batch, start: int, stop: int) -> Batch:
    """Some of its samples."""
    assert batch.pixels is not None
    return replace(
        batch,
        keys=batch.keys[start:stop],
        indices=batch.indices[start:stop],
        pixels=batch.pixels[start:stop],
        captions=batch.captions[start:stop],
        fps=batch.fps[start:stop],
        motion=batch.motion[start:stop],
        is_image=batch.is_image[start:stop],
    )


def gradients(parts: Sequence[Batch], samples: int) -> list[torch.Tensor]:
    """Of a step in which nothing is moved."""
    training = a_training()
    kept: list[torch.Tensor] = []

    def keep(*_: object) -> None:
        kept.extend(one.grad.clone() for one in training.network.parameters() if one.grad is not None)

    training.optimizer.register_step_pre_hook(keep)
    take_step(training, an_objective(SETTINGS), parts, samples, SLOW, WORLD, LossMeter(CPU))
    return kept


@pytest.mark.parametrize("cuts", [(0, 2, 4), (0, 1, 4), (0, 1, 2, 3, 4)])
def test_parts_of_any_size_give_the_gradient_of_the_whole(cuts: tuple[int, ...]) -> None:
    batch = a_batch(4)
    whole = gradients([batch], 4)
    parts = [part(batch, start, stop) for start, stop in pairwise(cuts)]
    for one, other in zip(gradients(parts, 4), whole, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-6)


def test_the_gradient_is_clipped_and_its_own_norm_is_told() -> None:
    clipped = SLOW.model_copy(update={"clip_norm": 1e-3})
    training = a_training(clipped)
    norms: list[float] = []
    training.optimizer.register_step_pre_hook(
        lambda *_: norms.append(float(torch.nn.utils.get_total_norm([p.grad for p in training.network.parameters()])))
    )
    told = take_step(training, an_objective(SETTINGS), [a_batch(2)], 2, clipped, WORLD, LossMeter(CPU))
    assert norms == pytest.approx([1e-3], rel=1e-2)
    assert told > 0.01


def test_a_sample_that_is_no_number_is_named_and_nothing_moves() -> None:
    batch = a_batch(3)
    latents = an_objective(SETTINGS).prepared(batch)[0].clone()
    latents[1, 0, 0, 0, 0] = torch.nan
    training = a_training()
    before = {name: value.clone() for name, value in training.network.state_dict().items()}
    with pytest.raises(DivergedError, match=r"step 1: the loss is not finite .* with the clips clip-1: look") as told:
        take_step(
            training,
            an_objective(SETTINGS),
            [replace(batch, pixels=None, latents=latents)],
            3,
            SLOW,
            WORLD,
            LossMeter(CPU),
        )
    assert "\n" not in str(told.value)
    assert training.state == TrainState()
    for name, value in training.network.state_dict().items():
        assert torch.equal(value, before[name])


def test_the_loss_is_told_by_band_of_sigma() -> None:
    meter = LossMeter(CPU)
    meter.add(torch.tensor([0.01, 0.3, 0.4, 100.0]), torch.tensor([1.0, 2.0, 4.0, 9.0]))
    assert meter.read(WORLD) == (4.0, {"<0.05": 1.0, "0.2-0.5": 3.0, ">20": 9.0})
    assert meter.read(WORLD) == (0.0, {})
