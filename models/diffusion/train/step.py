"""One step of the optimizer over a batch that is accumulated in parts."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from models.diffusion.data import Batch
from models.diffusion.errors import DiffusionError
from models.diffusion.train.checkpoint import Training
from models.diffusion.train.distributed import World
from models.diffusion.train.meters import LossMeter
from models.diffusion.train.objective import Objective
from models.diffusion.train.optimizer import OptimizerSettings, clip_gradients, learning_rate, set_learning_rate
from models.diffusion.train.parallel import gradients_kept_here

MOST_KEYS_TOLD = 8


class DivergedError(DiffusionError):
    """The loss or its gradient is not a number any more."""


def take_step(
    training: Training,
    objective: Objective,
    parts: Sequence[Batch],
    samples: int,
    settings: OptimizerSettings,
    world: World,
    meter: LossMeter,
) -> float:
    """Move the weights, their averages and the counters; returns the norm of the gradient before it was clipped.

    ``parts``: this rank's, worked on one after the other; ``samples``: those of all parts of all ranks. The gradient is
    that of the mean loss over all of them, however they are dealt: each sample weighs 1 / ``samples``.

    Raises:
        DivergedError: the gradient is not finite; nothing is changed, and the samples to blame are named.
    """
    told: list[tuple[Batch, torch.Tensor]] = []
    for number, batch in enumerate(parts):
        with gradients_kept_here(training.network, keep=number < len(parts) - 1):
            sigma, losses = objective.losses(training.network, batch)
            # DDP and FSDP2 divide the sum of the ranks' gradients by their number.
            torch.autograd.backward(losses.sum() * (world.size / samples))
        told.append((batch, losses.detach()))
        meter.add(sigma, losses)
    norm = clip_gradients(training.network.parameters(), settings.clip_norm)
    if not torch.isfinite(torch.tensor(norm)):
        raise DivergedError(_blame(told, training.state.steps + 1, norm, world))
    seen = training.state.samples + samples
    set_learning_rate(training.optimizer, learning_rate(settings, seen, samples))
    training.optimizer.step()
    training.optimizer.zero_grad(set_to_none=True)
    training.state.advance(samples)
    training.ema.update(training.parameters(), seen, samples)
    return norm


def _blame(told: Sequence[tuple[Batch, torch.Tensor]], step: int, norm: float, world: World) -> str:
    """Whose loss is not finite; where all losses are, every sample of the step."""
    mine = [
        (key, bool(finite))
        for batch, losses in told
        for key, finite in zip(batch.keys, torch.isfinite(losses).tolist(), strict=True)
    ]
    every = [one for part in world.gather(mine) for one in part]
    bad = [key for key, finite in every if not finite]
    what = "the loss" if bad else "the gradient"
    keys = bad or [key for key, _ in every]
    more = f" and {len(keys) - MOST_KEYS_TOLD} more" if len(keys) > MOST_KEYS_TOLD else ""
    return (
        f"step {step}: {what} is not finite (the gradient's norm is {norm}) with the clips "
        f"{', '.join(keys[:MOST_KEYS_TOLD])}{more}: look at them, lower optimizer.learning_rate, or compute in fp32 "
        "(training.precision); the last checkpoint is from before"
    )
