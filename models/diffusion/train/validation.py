"""Looking at a model while it is trained: the held-out loss at fixed noise levels, and videos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn
from torch.distributed.fsdp import FSDPModule

from models.diffusion.data import Batch
from models.diffusion.train.averages import averaged
from models.diffusion.train.distributed import World
from models.diffusion.train.objective import Objective
from models.diffusion.train.parallel import resharded, unwrapped
from models.diffusion.train.setup import Job
from models.diffusion.train.validation_videos import write_videos

# Held-out samples have noise of their own, not that of the training sample with the same counter.
_OTHER_SEED = 2**32


def validate(job: Job, output: Path, world: World) -> dict[str, dict[str, float]]:
    """The held-out loss by σ, of the weights and of their first average; videos go to samples/.

    Every rank calls it. What it gives is empty where there is nothing held out.
    """
    found: dict[str, dict[str, float]] = {}
    batches, sigmas = job.data.held_out(), job.recipe.validation.sigmas
    names = job.training.ema.names()
    if batches:
        found["held_out_loss"] = held_out_losses(job.training.network, job.objective, batches, sigmas, world)
    if not names:
        write_videos(job, batches, output, world)
        return found
    with averaged(job.training, names[0]):
        if batches:
            found["held_out_loss_average"] = held_out_losses(
                job.training.network, job.objective, batches, sigmas, world
            )
        write_videos(job, batches, output, world)
    return found


@torch.no_grad()
def held_out_losses(
    network: nn.Module, objective: Objective, batches: Sequence[Batch], sigmas: Sequence[float], world: World
) -> dict[str, float]:
    """The mean weighted loss at each of ``sigmas``, nothing left out, always with the same noise."""
    network, objective = unwrapped(network), replace(objective, seed=objective.seed + _OTHER_SEED)
    # Pieces of a sharded network work together; whole ones each take their share.
    together = isinstance(network, FSDPModule)
    mine = batches if together else batches[world.rank :: world.size]
    sums = [0.0] * len(sigmas)
    for batch in mine:
        latents, conditions = objective.prepared(batch)
        for number, sigma in enumerate(sigmas):
            losses = objective.losses_at(network, batch, latents, conditions, torch.full((len(batch),), sigma))
            sums[number] += float(losses.sum())
    resharded(network)
    total = world.sum([*sums, sum(map(len, mine))])
    return {f"{sigma:g}": value / total[-1] for sigma, value in zip(sigmas, total, strict=False)}
