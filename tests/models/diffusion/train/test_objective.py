"""The loss of a batch, with a real network, autoencoder and text encoder, all small."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from models.diffusion.autoencoder import AutoencoderSettings, load_autoencoder
from models.diffusion.conditioning import Conditioning, ConditioningSettings, FrameSettings
from models.diffusion.data import Batch
from models.diffusion.edm import NoiseSettings
from models.diffusion.errors import DiffusionError
from models.diffusion.motion_buckets import MotionBuckets
from models.diffusion.text_encoder import TextEncoderSettings, load_text_encoder
from models.diffusion.train.objective import Objective
from models.diffusion.unet.model import VideoUNet
from tests.models.diffusion.shape_shards import some_shapes
from tests.models.diffusion.small_recipe import small_recipe

FRAMES = 4
CPU = torch.device("cpu")


def a_batch(count: int, **changes: Any) -> Batch:
    shapes = some_shapes()[:count]
    values: dict[str, Any] = {
        "keys": [f"clip-{number}" for number in range(count)],
        "indices": list(range(100, 100 + count)),
        "pixels": torch.stack([torch.from_numpy(one.frames(FRAMES)).permute(0, 3, 1, 2) for one in shapes]),
        "latents": None,
        "captions": [one.caption for one in shapes],
        "context": None,
        "fps": torch.full((count,), 8.0),
        "motion": torch.tensor([one.speed for one in shapes]),
        "extra": {},
        "is_image": torch.zeros(count, dtype=torch.bool),
    }
    return Batch(**{**values, **changes})


def an_objective(settings: ConditioningSettings, **changes: Any) -> Objective:
    text = load_text_encoder(TextEncoderSettings(model="words:16", pretrained=None))
    conditioning = Conditioning(settings, MotionBuckets((0.5, 1.0)), text.encode([""]))
    values: dict[str, Any] = {
        "noise": NoiseSettings(sigma_data=0.5),
        "conditioning": conditioning,
        "autoencoder": load_autoencoder(AutoencoderSettings(model="pixels:4"), CPU),
        "text_encoder": text,
        "image_encoder": None,
        "seed": 0,
        "device": CPU,
        "bf16": False,
    }
    return Objective(**{**values, **changes})


class Recorder(torch.nn.Module):
    """A network that keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: dict[str, Any] = {}

    def forward(self, x: Tensor, c_noise: Tensor, **told: Any) -> Tensor:
        self.told = {"x": x, "c_noise": c_noise, **told}
        return x[:, :, :48]


def told(settings: ConditioningSettings, batch: Batch, **changes: Any) -> dict[str, Any]:
    network = Recorder()
    an_objective(settings, **changes).losses(network, batch)
    return network.told


def a_network(settings: ConditioningSettings) -> VideoUNet:
    recipe = small_recipe(conditioning=settings.model_dump())
    torch.manual_seed(0)
    return VideoUNet(recipe.unet_config(48, 16))


def test_a_caption_that_is_dropped_is_not_told() -> None:
    batch = a_batch(40)
    objective = an_objective(ConditioningSettings(drop=0.5))
    context = told(ConditioningSettings(drop=0.5), batch)["context"]
    full = objective.prepared(batch)[1].context
    null = objective.conditioning.null_context[0]
    dropped = objective.conditioning.dropped(0, batch.indices)
    assert 8 < int(dropped.sum()) < 32
    for item, is_dropped in enumerate(dropped.tolist()):
        assert torch.equal(context[item], null if is_dropped else full[item])
        assert not torch.equal(null, full[item])


def test_with_the_frame_goes_the_noise_that_was_put_on_it_sample_by_sample() -> None:
    settings = ConditioningSettings(drop=0, frame=FrameSettings(p_mean=-1, p_std=1))
    batch = a_batch(6)
    seen = told(settings, batch)
    assert seen["x"].shape[2] == 96
    frame = seen["x"][:, :, 48:]
    clean = an_objective(settings).prepared(batch)[0][:, 0]
    sigma = seen["micro"][:, 2]
    assert len(sigma.unique()) == 6
    for item in range(6):
        added = frame[item] - clean[item]
        assert torch.equal(added, added[:1].expand(FRAMES, -1, -1, -1))
        assert float(added[0].std()) == pytest.approx(float(sigma[item]), rel=0.15)


def test_a_frame_may_get_its_noise_as_a_latent() -> None:
    settings = ConditioningSettings(drop=0, frame=FrameSettings(augment="latents", p_std=0))
    batch = a_batch(3)
    latents = an_objective(settings).prepared(batch)[0]
    cached = replace(batch, pixels=None, latents=latents)
    frame = told(settings, cached)["x"][:, :, 48:]
    added = frame[:, 0] - latents[:, 0]
    assert float(added.std()) == pytest.approx(math.exp(-3), rel=0.1)


def test_pixels_are_needed_where_noise_goes_on_them() -> None:
    settings = ConditioningSettings(frame=FrameSettings())
    cached = replace(a_batch(2), pixels=None, latents=torch.zeros(2, FRAMES, 48, 4, 4))
    with pytest.raises(DiffusionError, match=r"conditioning\.frame\.augment to latents"):
        told(settings, cached)


def test_a_still_in_a_batch_of_videos_gets_what_it_would_get_alone() -> None:
    """Its frames must not see each other: the loss is that of the temporal layers left out."""
    settings = ConditioningSettings(drop=0)
    network, objective = a_network(settings), an_objective(settings)
    mixed = replace(a_batch(3), is_image=torch.tensor([False, True, False]))
    with torch.no_grad():
        _, losses = objective.losses(network, mixed)
        _, as_videos = objective.losses(network, a_batch(3))
    assert torch.equal(losses[[0, 2]], as_videos[[0, 2]])
    one = replace(
        a_batch(3),
        keys=["clip-1"],
        indices=[101],
        pixels=mixed.pixels[1:2] if mixed.pixels is not None else None,
        captions=mixed.captions[1:2],
        fps=mixed.fps[1:2],
        motion=mixed.motion[1:2],
        is_image=torch.tensor([True]),
    )
    with torch.no_grad():
        _, alone = replace(objective, stills_only=True).losses(network, one)
    assert float(losses[1]) == pytest.approx(float(alone[0]), rel=1e-5)
    assert float(losses[1]) != pytest.approx(float(as_videos[1]), rel=1e-4)


def test_a_still_tells_neither_fps_nor_motion() -> None:
    mixed = replace(a_batch(3), is_image=torch.tensor([False, True, False]))
    assert told(ConditioningSettings(drop=0), mixed)["micro"].tolist() == [[7, 0], [-1, -1], [7, 2]]


def test_the_loss_of_a_sample_follows_from_its_counter() -> None:
    settings = ConditioningSettings()
    network, objective = a_network(settings), an_objective(settings)
    sigma, losses = objective.losses(network, a_batch(4))
    some = replace(
        a_batch(4),
        keys=["clip-3", "clip-1"],
        indices=[103, 101],
        pixels=a_batch(4).pixels[[3, 1]],  # type: ignore[index]
        captions=[a_batch(4).captions[3], a_batch(4).captions[1]],
        fps=torch.full((2,), 8.0),
        motion=a_batch(4).motion[[3, 1]],
        is_image=torch.zeros(2, dtype=torch.bool),
    )
    other_sigma, others = objective.losses(network, some)
    assert torch.equal(other_sigma, sigma[[3, 1]])
    assert others.tolist() == pytest.approx(losses[[3, 1]].tolist(), rel=1e-5)
