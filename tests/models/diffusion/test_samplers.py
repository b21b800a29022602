"""Samplers on a Gaussian, whose probability flow is known."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from models.diffusion.samplers import SAMPLERS, Sampler
from models.diffusion.schedules import karras
from tests.models.diffusion.gaussians import Gaussian

ORDERS = {"euler": 1, "heun": 2, "dpmpp_2m": 2}
EVALUATIONS = {"euler": 10, "heun": 19, "dpmpp_2m": 10}
every_sampler = pytest.mark.parametrize("name", SAMPLERS)


def error_of(sampler: Sampler, steps: int) -> float:
    """Largest distance from the exact flow, from σ = 80 to 0.01: not to 0, which every sampler reaches by its own
    rule."""
    data = Gaussian.example()
    x = 80 * torch.randn(64, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    sigmas = karras(steps + 1, 0.01, 80)[:-1]
    return float((sampler(data.denoise, x, sigmas) - data.flow(x, 80, 0.01)).norm(dim=1).max())


@every_sampler
def test_the_error_falls_with_the_order(name: str) -> None:
    coarse, fine, finer = (error_of(SAMPLERS[name], steps) for steps in (80, 160, 320))
    assert math.log2(coarse / fine) == pytest.approx(ORDERS[name], abs=0.2)
    assert math.log2(fine / finer) == pytest.approx(ORDERS[name], abs=0.12)


@every_sampler
def test_samples_have_the_moments_of_the_data(name: str) -> None:
    data = Gaussian.example()
    x = 80 * torch.randn(40_000, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    steps = 400 if name == "euler" else 100
    samples = SAMPLERS[name](data.denoise, x, karras(steps, 0.002, 80))
    torch.testing.assert_close(samples.mean(dim=0), data.mean, atol=0.04, rtol=0)
    torch.testing.assert_close(samples.T.cov(), data.covariance, atol=0.06, rtol=0)


def test_with_25_steps_of_stable_video_diffusion_second_order_methods_are_nearer() -> None:
    data = Gaussian.example()
    x = 700 * torch.randn(1000, 3, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    missed = {
        name: float((sampler(data.denoise, x, karras(25, 0.002, 700)) - data.flow(x, 700, 0)).norm(dim=1).mean())
        for name, sampler in SAMPLERS.items()
    }
    assert missed["euler"] < 0.4
    assert max(missed["heun"], missed["dpmpp_2m"]) < missed["euler"] / 2


@every_sampler
def test_how_often_the_denoiser_is_asked(name: str) -> None:
    asked: list[float] = []

    def denoise(x: Tensor, sigma: Tensor) -> Tensor:
        assert sigma.shape == (len(x),)
        assert sigma.min() == sigma.max() > 0
        asked.append(float(sigma[0]))
        return x / 2

    SAMPLERS[name](denoise, torch.ones(2, 3), karras(10, 0.1, 80))
    assert len(asked) == EVALUATIONS[name]


@every_sampler
def test_the_last_step_ends_at_what_the_denoiser_says(name: str) -> None:
    target = torch.tensor([[3.0, 4.0]])
    found = SAMPLERS[name](lambda x, sigma: target.expand_as(x), torch.full((5, 2), 80.0), karras(8, 0.1, 80))
    torch.testing.assert_close(found, target.expand(5, 2))


@given(st.integers(2, 60), st.floats(0.001, 1), st.floats(1.5, 1000), st.sampled_from([1.0, 3.0, 7.0, 12.0]))
def test_the_schedule_descends_evenly_in_the_power(steps: int, low: float, high: float, rho: float) -> None:
    sigmas = karras(steps, low, high, rho)
    assert sigmas.dtype == torch.float64
    assert len(sigmas) == steps + 1
    assert float(sigmas[0]) == pytest.approx(high)
    assert float(sigmas[-2]) == pytest.approx(low)
    assert float(sigmas[-1]) == 0
    powers = sigmas[:-1] ** (1 / rho)
    torch.testing.assert_close(powers.diff(), powers.diff()[:1].expand(steps - 1), atol=1e-9, rtol=1e-6)
    assert (sigmas.diff() < 0).all()


def test_one_step_starts_at_the_top() -> None:
    assert karras(1, 0.002, 700).tolist() == pytest.approx([700, 0])


@pytest.mark.parametrize(("steps", "low", "high"), [(0, 0.1, 1.0), (5, 0.0, 1.0), (5, 2.0, 1.0)])
def test_what_is_no_schedule_is_refused(steps: int, low: float, high: float) -> None:
    with pytest.raises(ValueError, match="no schedule"):
        karras(steps, low, high)
