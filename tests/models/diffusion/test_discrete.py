"""Discrete image models as denoisers, against diffusers' schedulers and closed form."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DDPMScheduler
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from models.diffusion.discrete import Discrete, DiscreteSettings
from models.diffusion.edm import EDM
from models.diffusion.errors import DiffusionError
from models.diffusion.samplers import heun
from models.diffusion.schedules import karras

STABLE_DIFFUSION = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
SCHEDULES: list[dict[str, Any]] = [
    STABLE_DIFFUSION,
    {"beta_schedule": "linear"},
    {"beta_schedule": "squaredcos_cap_v2"},
    {"trained_betas": torch.linspace(0.001, 0.02, 50).tolist(), "num_train_timesteps": 50},
]
PREDICTIONS = ["epsilon", "v_prediction"]


def saved(folder: Path, **settings: Any) -> tuple[DDPMScheduler, Discrete]:
    """A scheduler of diffusers, saved in its own format, and what is read from that."""
    scheduler = DDPMScheduler(**settings, clip_sample=False)
    scheduler.save_pretrained(folder)
    return scheduler, Discrete(DiscreteSettings.from_file(folder / "scheduler_config.json"))


@pytest.mark.parametrize("settings", SCHEDULES, ids=lambda settings: settings.get("beta_schedule", "trained"))
def test_noise_levels_are_those_of_diffusers(tmp_path: Path, settings: dict[str, Any]) -> None:
    scheduler, discrete = saved(tmp_path, **settings)
    kept = scheduler.alphas_cumprod.double()
    expected = ((1 - kept) / kept).sqrt()
    found = discrete.sigma(torch.arange(len(kept))).double()
    torch.testing.assert_close(found, expected, rtol=5e-4, atol=0)
    assert discrete.sigma_min == pytest.approx(float(expected[0]), rel=5e-4)
    assert discrete.sigma_max == pytest.approx(float(expected[-1]), rel=5e-4)


def test_the_range_of_stable_diffusion() -> None:
    discrete = Discrete(DiscreteSettings(**STABLE_DIFFUSION))
    assert (discrete.sigma_min, discrete.sigma_max) == pytest.approx((0.029167, 14.6146), rel=1e-4)


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_the_denoiser_is_the_prediction_of_clean_data_of_the_discrete_model(tmp_path: Path, prediction: str) -> None:
    scheduler, discrete = saved(tmp_path, **STABLE_DIFFUSION, prediction_type=prediction)
    torch.manual_seed(1)
    model = torch.nn.Conv2d(4, 4, 3, padding=1)

    def net(x: Tensor, timestep: Tensor) -> Tensor:
        """A network that depends on its timestep, for images as frames."""
        embedded = torch.sin(timestep / 300).view(-1, 1, 1, 1, 1)
        return model(x.flatten(0, 1)).unflatten(0, x.shape[:2]) * embedded

    clean, noise = torch.randn(2, 1, 3, 4, 8, 8).unbind()
    for timestep in (0, 1, 250, 731, 999):
        mixed = scheduler.add_noise(clean, noise, torch.tensor([timestep]))
        output = net(mixed, torch.tensor([timestep]))
        expected = scheduler.step(output, timestep, mixed).pred_original_sample
        sigma = discrete.sigma(torch.tensor([timestep]))
        torch.testing.assert_close(clean + sigma * noise, mixed * (1 + sigma**2).sqrt(), atol=1e-4, rtol=1e-4)
        found = discrete.denoise(net, clean + sigma * noise, sigma)
        torch.testing.assert_close(found, expected, atol=2e-3, rtol=2e-3)


@given(st.floats(0, 999))
def test_timestep_and_noise_level_are_each_others_inverse(timestep: float) -> None:
    discrete = Discrete(DiscreteSettings(**STABLE_DIFFUSION))
    sigma = discrete.sigma(torch.tensor([timestep]))
    assert float(discrete.timestep(sigma)) == pytest.approx(timestep, abs=2e-3)


def test_between_timesteps_the_logarithm_is_linear() -> None:
    discrete = Discrete(DiscreteSettings(**STABLE_DIFFUSION))
    low, middle, high = discrete.sigma(torch.tensor([500.0, 500.25, 501.0])).log().tolist()
    assert middle == pytest.approx(0.75 * low + 0.25 * high, abs=1e-6)


def test_beyond_the_range_the_timestep_stays_at_its_ends() -> None:
    discrete = Discrete(DiscreteSettings(**STABLE_DIFFUSION))
    assert discrete.timestep(torch.tensor([1e-4, 700.0])).tolist() == [0, 999]


@given(st.floats(0.03, 14))
def test_v_prediction_differs_from_edm_in_what_the_network_is_told_alone(sigma: float) -> None:
    discrete, edm = Discrete(DiscreteSettings(**STABLE_DIFFUSION, prediction_type="v_prediction")), EDM()
    level = torch.tensor([sigma])
    for name in ("c_skip", "c_out", "c_in", "weight"):
        assert float(getattr(discrete, name)(level)) == pytest.approx(float(getattr(edm, name)(level)), rel=1e-5)
    assert float(edm.c_noise(level)) == pytest.approx(math.log(sigma) / 4, abs=1e-6)
    assert 0 <= float(discrete.c_noise(level)) <= 999


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_a_discrete_model_is_sampled_like_any_other(prediction: str) -> None:
    """A network that predicts exactly, of Gaussian data of width 1/2: samples have this width."""
    discrete = Discrete(DiscreteSettings(**STABLE_DIFFUSION, prediction_type=prediction))
    sigmas = karras(30, discrete.sigma_min, discrete.sigma_max)

    def net(x: Tensor, timestep: Tensor) -> Tensor:
        sigma = discrete.sigma(timestep).view(-1, 1, 1, 1, 1)
        noisy = x * (1 + sigma**2).sqrt()
        clean = noisy * 0.25 / (0.25 + sigma**2)
        noise = (noisy - clean) / sigma
        return noise if prediction == "epsilon" else (noise - sigma * clean) / (1 + sigma**2).sqrt()

    x = sigmas[0].item() * torch.randn(4, 1, 4, 32, 32, generator=torch.Generator().manual_seed(2))
    samples = heun(lambda x, sigma: discrete.denoise(net, x, sigma), x, sigmas)
    assert float(samples.std()) == pytest.approx(0.5, abs=0.02)


def test_an_epsilon_loss_weighs_every_noise_level_alike() -> None:
    discrete = Discrete(DiscreteSettings(**STABLE_DIFFUSION))
    torch.testing.assert_close(discrete.weight(torch.tensor([0.5, 4.0])), torch.tensor([4.0, 1 / 16]))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"prediction_type": "sample"}, "prediction_type"),
        ({"beta_schedule": "sigmoid"}, "beta_schedule"),
        ({"rescale_betas_zero_snr": True}, "rescale_betas_zero_snr"),
        ([], "the file"),
    ],
)
def test_what_is_not_supported_is_told(tmp_path: Path, content: object, told: str) -> None:
    path = tmp_path / "scheduler_config.json"
    path.write_text(json.dumps(content))
    with pytest.raises(DiffusionError, match=rf"scheduler_config\.json: {told}") as raised:
        DiscreteSettings.from_file(path)
    assert "\n" not in str(raised.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(DiffusionError, match="cannot be read"):
        DiscreteSettings.from_file(tmp_path / "scheduler_config.json")
