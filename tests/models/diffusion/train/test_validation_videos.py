"""Videos that are made while a model is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import pytest
import torch

from models.diffusion.generate import Generator
from models.diffusion.output import write_video
from models.diffusion.request import Look, Request
from models.diffusion.train.distributed import World
from models.diffusion.train.loop import train
from models.diffusion.train.setup import Job, set_up
from models.diffusion.train.validation_videos import SAMPLES, write_videos
from models.diffusion.train.watcher import Watcher
from models.diffusion.trained import open_trained
from tests.models.diffusion.small_recipe import small_recipe

CPU = torch.device("cpu")
PROMPTS = ["a red square moves left", "a blue square moves up"]


@pytest.mark.parametrize("frames", [4, 1])
def test_they_are_those_that_are_sampled_from_the_checkpoint(shards: Path, tmp_path: Path, frames: int) -> None:
    recipe = small_recipe(
        training={"steps": 2}, validation={"every_steps": 2, "prompts": PROMPTS, "seed": 3}, data={"frames": frames}
    )
    assert train(recipe, [str(shards)], tmp_path, World(CPU), Watcher())
    trained = open_trained(tmp_path, recipe.ema.profiles()[0].name)
    look = Look(frames, 16, 16, 8, seed=3)
    requests = [Request(number, prompt) for number, prompt in enumerate(PROMPTS)]
    for request, video in Generator(trained, CPU, torch.float32).generate(requests, look, recipe.sampling):
        write_video(tmp_path / "again.mp4", video, 8, "mp4", overwrite=True)
        made = tmp_path / SAMPLES / f"{8:012d}" / f"{request.index:02d}.mp4"
        assert made.read_bytes() == (tmp_path / "again.mp4").read_bytes()


def told_of(job: Job, output: Path) -> list[dict[str, Any]]:
    """What the network is told while videos are made: of the first step of each."""
    seen: list[dict[str, Any]] = []
    job.training.network.register_forward_pre_hook(
        lambda _, given, named: seen.append({"x": given[0], **named}), with_kwargs=True
    )
    write_videos(job, job.data.held_out(), output, World(CPU))
    return seen[:: job.recipe.sampling.evaluations]


@pytest.mark.parametrize("context", ["text", "image"])
def test_a_model_that_begins_with_a_picture_is_shown_held_out_clips(shards: Path, tmp_path: Path, context: str) -> None:
    recipe = small_recipe(
        conditioning={"context": context, "frame": {"p_mean": -20.0, "p_std": 0.0}},
        image_encoder={"model": "cells:4", "pretrained": None},
        validation={"pictures": 3},
        data={"held_out": 4, "sizes": [[8, 24], [16, 16]]},
        training={"batch_size": 2},
    )
    job = set_up(recipe, [str(shards)], tmp_path, World(CPU), Watcher())
    told = told_of(job, tmp_path)
    folder = tmp_path / SAMPLES / f"{0:012d}"
    assert sorted(path.name for path in folder.iterdir()) == ["00.mp4", "01.mp4", "02.mp4"]
    with av.open(str(folder / "02.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) == recipe.data.frames
        assert video.streams.video[0].average_rate == recipe.data.fps
    encoder = job.objective.autoencoder
    assert encoder is not None
    batches = job.data.held_out()
    keys = [key for batch in batches for key in batch.keys]
    pictures = torch.cat([batch.pixels[:, 0] for batch in batches if batch.pixels is not None]).float() / 127.5 - 1
    assert len(set(keys)) == 4
    for number, one in enumerate(told):
        latent = encoder.encode(pictures[number : number + 1])
        for frame in range(recipe.data.frames):
            torch.testing.assert_close(one["x"][:, frame, 48:], latent, atol=1e-5, rtol=1e-5)
    micro = torch.cat([job.objective.prepared(batch)[1].micro for batch in batches])
    torch.testing.assert_close(torch.cat([one["micro"] for one in told]), micro[:3])


def test_none_where_none_are_wanted(shards: Path, tmp_path: Path) -> None:
    recipe = small_recipe(conditioning={"frame": {}}, validation={"pictures": 0})
    job = set_up(recipe, [str(shards)], tmp_path, World(CPU), Watcher())
    assert not told_of(job, tmp_path)
    assert not (tmp_path / SAMPLES).exists()
