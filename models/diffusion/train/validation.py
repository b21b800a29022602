"""Looking at a model while it is trained: the held-out loss at fixed noise levels, and videos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn
from torch.distributed.fsdp import FSDPModule

from models.diffusion.conditioning import Conditions
from models.diffusion.data import Batch
from models.diffusion.edm import EDM
from models.diffusion.output import to_frames, write_video
from models.diffusion.randomness import normal
from models.diffusion.sampling import sample_latents
from models.diffusion.train.averages import averaged
from models.diffusion.train.distributed import World
from models.diffusion.train.objective import Objective
from models.diffusion.train.parallel import resharded, unwrapped
from models.diffusion.train.setup import Job

SAMPLES = "samples"
# Held-out samples have noise of their own, not that of the training sample with the same counter.
_OTHER_SEED = 2**32


def validate(job: Job, output: Path, world: World) -> dict[str, dict[str, float]]:
    """The held-out loss by σ, of the weights and of their first average; videos of the prompts go to samples/.

    Every rank calls it. Empty where there is nothing held out.
    """
    found: dict[str, dict[str, float]] = {}
    batches, sigmas = job.data.held_out(), job.recipe.validation.sigmas
    names = job.training.ema.names()
    if batches:
        found["held_out_loss"] = held_out_losses(job.training.network, job.objective, batches, sigmas, world)
    if not names:
        _write_videos(job, output, world)
        return found
    with averaged(job.training, names[0]):
        if batches:
            found["held_out_loss_average"] = held_out_losses(
                job.training.network, job.objective, batches, sigmas, world
            )
        _write_videos(job, output, world)
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


@torch.no_grad()
def _write_videos(job: Job, output: Path, world: World) -> None:
    settings = job.recipe.validation
    together = isinstance(job.training.network, FSDPModule)
    folder = output / SAMPLES / f"{job.training.state.samples:012d}"
    for number, prompt in enumerate(settings.prompts):
        if not together and number % world.size != world.rank:
            continue
        video = _video(job, prompt, number)
        if world.is_main or not together:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{number:02d}.mp4"
            write_video(path, to_frames(video), job.recipe.data.fps, "mp4", overwrite=True)
    resharded(job.training.network)


def _video(job: Job, prompt: str, number: int) -> torch.Tensor:
    """Pixels (F, 3, H, W) in about [−1, 1]."""
    recipe, objective = job.recipe, job.objective
    conditioning = objective.conditioning
    assert objective.text_encoder is not None
    assert objective.autoencoder is not None
    bucket = recipe.validation.motion_bucket
    if bucket is None and conditioning.buckets is not None:
        bucket = conditioning.buckets.count // 2
    micro = conditioning.micro(
        torch.tensor([recipe.data.fps]), None if bucket is None else torch.tensor([float(bucket)])
    )
    context = objective.text_encoder.encode([prompt]).float().to(objective.device)
    conditions = Conditions(context, micro.to(objective.device))
    frames, factor = recipe.data.frames, objective.autoencoder.factor
    height, width = (side // factor for side in recipe.data.size)
    shape = (frames, objective.autoencoder.channels, height, width)
    noise = normal(recipe.validation.seed, [number], "validation video", shape).to(objective.device)
    with torch.autocast(objective.device.type, torch.bfloat16, enabled=objective.bf16):
        latents = sample_latents(
            EDM(recipe.noise.sigma_data),
            unwrapped(job.training.network),
            noise,
            recipe.sampling,
            conditions.for_network(),
            conditioning.unconditional(conditions).for_network(),
        )
    return objective.autoencoder.decode(latents[0], frames)
