"""Noise in training is each item's own: on the conditioning frame, and on the latents that are to be denoised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from models.diffusion.autoencoder import AutoencoderSettings, load_autoencoder
from models.diffusion.conditioning import Conditioning, ConditioningSettings
from models.diffusion.data import Batch
from models.diffusion.edm import NoiseSettings
from models.diffusion.train.objective import Objective, normalised

FRAMES, SIDE = 3, 64


def same_clip(indices: Sequence[int]) -> Batch:
    """A batch of the same grey clip again and again: whatever differs between items was drawn."""
    count = len(indices)
    return Batch(
        keys=["a"] * count,
        indices=list(indices),
        pixels=torch.full((count, FRAMES, 3, SIDE, SIDE), 128, dtype=torch.uint8),
        latents=None,
        captions=["a"] * count,
        context=torch.zeros(count, 4, 8),
        fps=torch.full((count,), 8.0),
        motion=torch.full((count,), 1.0),
        extra={},
        is_image=torch.zeros(count, dtype=torch.bool),
    )


def objective(augment: str = "pixels", noise: NoiseSettings | None = None) -> Objective:
    settings = ConditioningSettings.model_validate({"frame": {"augment": augment}, "motion_bucket": False, "drop": 0.0})
    return Objective(
        noise=noise or NoiseSettings(sigma_data=0.5),
        conditioning=Conditioning(settings, None, torch.zeros(1, 4, 8)),
        autoencoder=load_autoencoder(AutoencoderSettings(model="pixels:4")),
        text_encoder=None,
        image_encoder=None,
        seed=3,
        device=torch.device("cpu"),
        bf16=False,
    )


@pytest.mark.parametrize("augment", ["pixels", "latents"])
def test_each_frame_has_noise_of_its_own_level_and_is_told_it(augment: str) -> None:
    indices = range(100, 112)
    latents, conditions = objective(augment).prepared(same_clip(indices))
    assert conditions.concat is not None
    noise = conditions.concat - latents[:, :1]
    levels = conditions.micro[:, 1]
    torch.testing.assert_close(noise.flatten(1).std(dim=1), levels, rtol=0.05, atol=0)
    assert len(set(levels.tolist())) == len(indices)
    in_unit = noise[:, 0].flatten(1) / levels[:, None]
    correlation = torch.corrcoef(in_unit) - torch.eye(len(indices))
    assert float(correlation.abs().max()) < 0.06
    assert torch.equal(noise, noise[:, :1].expand_as(noise))


def test_the_levels_have_the_distribution_of_the_paper() -> None:
    conditioning = objective().conditioning
    drawn = conditioning.augmentation(3, range(5000)).log()
    assert float(drawn.mean()) == pytest.approx(-3, abs=0.03)
    assert float(drawn.std()) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("augment", ["pixels", "latents"])
def test_an_item_s_frame_does_not_depend_on_its_batch(augment: str) -> None:
    _, together = objective(augment).prepared(same_clip(range(5, 9)))
    _, alone = objective(augment).prepared(same_clip([7]))
    assert together.concat is not None
    assert alone.concat is not None
    assert torch.equal(together.concat[2:3], alone.concat)
    assert torch.equal(together.micro[2:3], alone.micro)


class Recorder(nn.Module):
    """Says nothing, and remembers what it saw."""

    def forward(self, x: Tensor, c_noise: Tensor, **told: Any) -> Tensor:
        self.seen = (x, c_noise)
        return torch.zeros_like(x[:, :, :48])


def test_each_item_is_denoised_from_its_own_level_and_noise() -> None:
    network = Recorder()
    sigma, losses = objective().losses(network, same_clip(range(6)))
    x, c_noise = network.seen
    assert len(set(sigma.tolist())) == 6
    torch.testing.assert_close(c_noise, sigma.log() / 4)
    clean = torch.nn.functional.pixel_unshuffle(normalised(same_clip([0]).pixels[0, :1]), 4)  # type: ignore[index]
    noisy = x[:, :, :48] * (sigma**2 + 0.25).sqrt().view(-1, 1, 1, 1, 1)
    noise = (noisy - clean).flatten(1) / sigma[:, None]
    torch.testing.assert_close(noise.std(dim=1), torch.ones(6), rtol=0.02, atol=0)
    assert float((torch.corrcoef(noise) - torch.eye(6)).abs().max()) < 0.03
    _, alone = objective().losses(network, same_clip([4]))
    torch.testing.assert_close(losses[4:5], alone)


def test_a_noise_offset_is_each_item_s_own() -> None:
    network = Recorder()
    settings = NoiseSettings(sigma_data=0.5, p_std=0.01, offset=0.5)
    sigma, _ = objective(noise=settings).losses(network, same_clip(range(200)))
    noisy = network.seen[0][:, :, :48] * (sigma**2 + 0.25).sqrt().view(-1, 1, 1, 1, 1)
    means = noisy.mean(dim=(1, 3, 4)) / sigma[:, None]
    assert float(means.std(dim=0).mean()) == pytest.approx(0.5, rel=0.05)
