"""Videos that are made while a model is trained: of captions, or of the first frames of held-out clips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from torch.distributed.fsdp import FSDPModule

from models.diffusion.conditioning import Conditions
from models.diffusion.data import Batch
from models.diffusion.edm import EDM
from models.diffusion.output import to_frames, write_video
from models.diffusion.train.distributed import World
from models.diffusion.train.parallel import resharded, unwrapped
from models.diffusion.train.setup import Job
from models.diffusion.videos import VideoModel

SAMPLES = "samples"


@dataclass(frozen=True)
class _Wanted:
    """``size``: frames, height and width in pixels; ``fps``: frames per second."""

    told: Conditions
    size: tuple[int, int, int]
    fps: float


@torch.no_grad()
def write_videos(job: Job, held_out: Sequence[Batch], output: Path, world: World) -> None:
    """``samples/<samples>/<number>.mp4``: of each of `validation.prompts`, or, where the model begins with a picture,
    of the first clips of ``held_out``. Every rank calls it.
    """
    settings = job.recipe.validation
    if job.recipe.begins_with_picture:
        all_wanted = list(islice(_of_clips(job, held_out), settings.pictures))
    else:
        all_wanted = [_of_prompt(job, prompt) for prompt in settings.prompts]
    # Pieces of a sharded network work together; whole ones each make their share.
    together = isinstance(job.training.network, FSDPModule)
    folder = output / SAMPLES / f"{job.training.state.samples:012d}"
    for number, wanted in enumerate(all_wanted):
        if not together and number % world.size != world.rank:
            continue
        video = _video(job, wanted, number)
        if world.is_main or not together:
            folder.mkdir(parents=True, exist_ok=True)
            write_video(folder / f"{number:02d}.mp4", to_frames(video), wanted.fps, "mp4", overwrite=True)
    resharded(job.training.network)


def _of_clips(job: Job, held_out: Sequence[Batch]) -> Iterator[_Wanted]:
    """All that is told of each sample that is a video, at its size and rate; a batch is encoded once."""
    assert job.objective.autoencoder is not None
    for batch in held_out:
        latents, told = job.objective.prepared(batch)
        frames, _, *sides = latents.shape[1:]
        height, width = (side * job.objective.autoencoder.factor for side in sides)
        for at in (at for at in range(len(batch)) if not batch.is_image[at]):
            one = slice(at, at + 1)
            concat = None if told.concat is None else told.concat[one]
            conditions = Conditions(told.context[one], told.micro[one], concat)
            yield _Wanted(conditions, (frames, height, width), float(batch.fps[at]))


def _of_prompt(job: Job, prompt: str) -> _Wanted:
    recipe, objective = job.recipe, job.objective
    assert objective.text_encoder is not None
    bucket = recipe.validation.motion_bucket
    if bucket is None:
        bucket = recipe.conditioning.middle_bucket
    micro = objective.conditioning.micro_of_video(1, recipe.data.frames, recipe.data.fps, bucket)
    context = objective.text_encoder.encode([prompt]).float()
    conditions = Conditions(context.to(objective.device), micro.to(objective.device))
    return _Wanted(conditions, (recipe.data.frames, *recipe.data.size), recipe.data.fps)


def _video(job: Job, wanted: _Wanted, number: int) -> torch.Tensor:
    """Pixels (F, 3, H, W) in about [−1, 1]."""
    recipe, objective = job.recipe, job.objective
    assert objective.autoencoder is not None
    network = unwrapped(job.training.network)
    model = VideoModel(network, EDM(recipe.noise.sigma_data), objective.autoencoder, objective.conditioning)
    seed = recipe.validation.seed
    with torch.autocast(objective.device.type, torch.bfloat16, enabled=objective.bf16):
        (video,) = model.videos(wanted.told, wanted.size, recipe.sampling, seed=seed, indices=[number])
    return video
