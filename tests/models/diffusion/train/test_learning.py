"""A small text-to-video model learns what captions say and how much moves.

Short, on a CPU, and so with blurred videos: `examples/moving_shapes_model.sh` trains longer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from curation.stage import ClipSample
from models.diffusion.conditioning import Conditions
from models.diffusion.edm import EDM
from models.diffusion.recipe import Recipe
from models.diffusion.train.averages import averaged
from models.diffusion.train.distributed import World
from models.diffusion.train.meters import LossMeter
from models.diffusion.train.setup import Job, set_up
from models.diffusion.train.step import take_step
from models.diffusion.train.validation import held_out_losses
from models.diffusion.train.watcher import Watcher
from models.diffusion.videos import VideoModel
from stages.optical_flow import OpticalFlow
from tests.models.diffusion.shape_shards import COLOURS, DIRECTIONS, FPS, SIDE, Shape, some_shapes, write_shards
from tests.models.diffusion.small_recipe import small_recipe

WORLD = World(torch.device("cpu"))
FRAMES = 4
# What captions tell is decided at high noise; fine detail, for which there is no time here, at low noise.
COMMON: dict[str, Any] = {
    "unet": {"block_out_channels": [64]},
    "autoencoder": {"model": "pixels:8"},
    "conditioning": {"motion_buckets": 3, "drop": 0.1},
    "noise": {"p_mean": 1.0, "p_std": 1.0, "sigma_data": 0.5},
    "optimizer": {"learning_rate": 3e-3, "warmup_steps": 10},
    "data": {"held_out": 12},
    "sampling": {"steps": 10, "sigma_max": 20, "sigma_min": 1.5, "guidance": "none"},
}


@dataclass(frozen=True)
class Trained:
    job: Job
    recipe: Recipe

    def videos(self, conditions: Conditions) -> torch.Tensor:
        """(B, F, 3, H, W), by the averaged weights."""
        objective = self.job.objective
        assert objective.autoencoder is not None
        edm = EDM(self.recipe.noise.sigma_data)
        model = VideoModel(self.job.training.network, edm, objective.autoencoder, objective.conditioning)
        size, indices = (self.recipe.data.frames, SIDE, SIDE), range(len(conditions.micro))
        with averaged(self.job.training, "0.100"):
            return torch.stack(model.videos(conditions, size, self.recipe.sampling, seed=5, indices=indices))


def train(recipe: Recipe, shards: Path, output: Path) -> Trained:
    job = set_up(recipe, [str(shards)], output, WORLD, Watcher())
    meter = LossMeter(WORLD.device)
    size = recipe.training.batch_size
    for batch in islice(job.data.batches(0), recipe.training.steps):
        take_step(job.training, job.objective, [batch], size, recipe.optimizer, WORLD, meter)
    return Trained(job, recipe)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shards(tmp_path_factory.mktemp("shapes"), some_shapes())


@pytest.fixture(scope="module")
def text_to_video(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    recipe = small_recipe(**COMMON, training={"steps": 150, "batch_size": 8})
    return train(recipe, shards, tmp_path_factory.mktemp("text"))


def motion_score(video: torch.Tensor) -> float:
    """That of `optical_flow`, of the video as a clip four times as large."""
    pixels = ((video.clamp(-1, 1) + 1) * 127.5).byte().permute(0, 2, 3, 1).numpy()
    grey = [
        cv2.resize(cv2.cvtColor(one, cv2.COLOR_RGB2GRAY), (64, 64), interpolation=cv2.INTER_CUBIC) for one in pixels
    ]
    stage = OpticalFlow(OpticalFlow.Config(fps=FPS))
    clip = ClipSample("clip", {}, np.stack(grey)[..., None], {"num_frames": FRAMES, "fps": FPS})
    (row,) = stage.annotate([clip])
    assert isinstance(row, dict)
    return float(row["motion_score"])


def test_the_right_caption_has_a_lower_loss_than_another(text_to_video: Trained) -> None:
    job = text_to_video.job
    batches = job.data.held_out()
    right = held_out_losses(job.training.network, job.objective, batches, (1.0, 2.0, 5.0), WORLD)
    shuffled = [replace(batch, captions=batch.captions[1:] + batch.captions[:1]) for batch in batches]
    wrong = held_out_losses(job.training.network, job.objective, shuffled, (1.0, 2.0, 5.0), WORLD)
    assert sum(map(len, batches)) == 12
    assert all(loss < wrong[sigma] for sigma, loss in right.items())
    # With little noise the picture itself tells more than its caption.
    assert all(right[sigma] < 0.97 * wrong[sigma] for sigma in ("2", "5"))


def test_generated_motion_rises_with_the_bucket(text_to_video: Trained) -> None:
    objective = text_to_video.job.objective
    assert objective.text_encoder is not None
    captions = [Shape(colour, direction, 0).caption for colour in COLOURS for direction in DIRECTIONS]
    context = objective.text_encoder.encode(captions)
    fps = torch.full((len(captions),), float(FPS))
    scores = []
    for bucket in range(3):
        micro = objective.conditioning.micro(fps, torch.full_like(fps, bucket))
        videos = text_to_video.videos(Conditions(context, micro))
        scores.append(float(np.mean([motion_score(video) for video in videos])))
    assert scores[0] < scores[1] < scores[2]
    assert scores[2] > 1.3 * scores[0]


def psnr(pictures: torch.Tensor, others: torch.Tensor) -> float:
    """Mean over pictures (B, 3, H, W) in [−1, 1], dB."""
    error = (pictures.clamp(-1, 1) - others).square().flatten(1).mean(dim=1)
    return float((10 * torch.log10(4 / error)).mean())


def test_a_video_from_a_picture_begins_with_it(tmp_path: Path) -> None:
    shapes = [replace(one, ground=ground) for one in some_shapes([0.0, 1.5]) for ground in (0, 80, 160, 240)]
    shards = write_shards(tmp_path / "shards", shapes, frames=4)
    changes = {
        "autoencoder": {"model": "pixels:4"},
        "conditioning": {"motion_buckets": 2, "drop": 0.1, "frame": {"p_mean": -3.0, "p_std": 0.5}},
        "data": {"held_out": 8, "frames": 2},
    }
    recipe = small_recipe(**{**COMMON, **changes}, training={"steps": 80, "batch_size": 8})
    trained = train(recipe, shards, tmp_path / "out")
    objective = trained.job.objective
    (batch,) = trained.job.data.held_out()
    _, told = objective.prepared(batch)
    assert batch.pixels is not None
    picture = batch.pixels[:, 0].float() / 127.5 - 1
    with_frame = psnr(trained.videos(told)[:, 0], picture)
    without = psnr(trained.videos(objective.conditioning.unconditional(told))[:, 0], picture)
    assert with_frame > without + 6
