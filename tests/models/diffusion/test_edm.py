"""The EDM formulation against its closed form, and what is random in it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from models.diffusion.edm import EDM, loss, sample_noise, sample_sigma

levels = st.floats(0.002, 700)
data_widths = st.floats(0.1, 3)


@given(levels, data_widths)
def test_the_coefficients_are_those_of_the_paper(sigma: float, data: float) -> None:
    edm, level = EDM(data), torch.tensor([sigma], dtype=torch.float64)
    total = sigma**2 + data**2
    assert float(edm.c_skip(level)) == pytest.approx(data**2 / total)
    assert float(edm.c_out(level)) == pytest.approx(-sigma * data / math.sqrt(total))
    assert float(edm.c_in(level)) == pytest.approx(1 / math.sqrt(total))
    assert float(edm.c_noise(level)) == pytest.approx(math.log(sigma) / 4)
    assert float(edm.weight(level)) == pytest.approx(total / (sigma * data) ** 2)


@given(levels)
def test_with_data_of_variance_1_they_are_those_of_stable_video_diffusion(sigma: float) -> None:
    edm, level = EDM(), torch.tensor([sigma], dtype=torch.float64)
    assert float(edm.c_skip(level)) == pytest.approx(1 / (sigma**2 + 1))
    assert float(edm.c_out(level)) == pytest.approx(-sigma / math.sqrt(sigma**2 + 1))
    assert float(edm.weight(level)) == pytest.approx((1 + sigma**2) / sigma**2)


def test_input_and_target_of_the_network_have_variance_1_at_every_noise_level() -> None:
    edm = EDM(0.5)
    clean = 0.5 * torch.randn(200_000, generator=torch.Generator().manual_seed(1))
    noise = torch.randn(200_000, generator=torch.Generator().manual_seed(2))
    for sigma in torch.tensor([[0.01], [0.3], [1.0], [20.0]]):
        noisy = clean + sigma * noise
        assert float((edm.c_in(sigma) * noisy).std()) == pytest.approx(1, abs=0.01)
        target = (clean - edm.c_skip(sigma) * noisy) / edm.c_out(sigma)
        assert float(target.std()) == pytest.approx(1, abs=0.01)


def recorded(output: float) -> tuple[Callable[..., Tensor], dict[str, Any]]:
    seen: dict[str, Any] = {}

    def net(x: Tensor, c_noise: Tensor, **conditions: Any) -> Tensor:
        seen.update(conditions, x=x, c_noise=c_noise)
        return torch.full_like(x[:, :, :4], output)

    return net, seen


def test_a_denoiser_scales_each_item_by_its_own_noise_level() -> None:
    net, seen = recorded(0.5)
    x = torch.randn(2, 3, 4, 5, 6, generator=torch.Generator().manual_seed(3))
    sigma = torch.tensor([0.1, 20.0])
    denoised = EDM().denoise(net, x, sigma, context="told")
    assert seen["context"] == "told"
    torch.testing.assert_close(seen["c_noise"], sigma.log() / 4)
    for item, level in enumerate([0.1, 20.0]):
        torch.testing.assert_close(seen["x"][item], x[item] / math.sqrt(level**2 + 1))
        torch.testing.assert_close(denoised[item], x[item] / (level**2 + 1) - level / math.sqrt(level**2 + 1) * 0.5)


def test_concatenated_latents_are_not_scaled() -> None:
    net, seen = recorded(0.0)
    x, frame = torch.ones(1, 2, 4, 3, 3), torch.full((1, 2, 5, 3, 3), 7.0)
    EDM().denoise(net, x, torch.tensor([100.0]), concat=frame)
    assert seen["x"].shape == (1, 2, 9, 3, 3)
    torch.testing.assert_close(seen["x"][:, :, 4:], frame)
    assert float(seen["x"][:, :, :4].max()) < 0.02


def test_the_loss_of_each_item_is_weighted_by_its_own_noise_level() -> None:
    def silent(x: Tensor, c_noise: Tensor) -> Tensor:
        return torch.zeros_like(x)

    clean = torch.randn(2, 3, 4, 5, 6, generator=torch.Generator().manual_seed(4))
    noise = torch.randn(2, 3, 4, 5, 6, generator=torch.Generator().manual_seed(5))
    sigma = torch.tensor([0.3, 5.0])
    found = loss(EDM(), silent, clean, sigma, noise)
    for item, level in enumerate([0.3, 5.0]):
        denoised = (clean[item] + level * noise[item]) / (level**2 + 1)
        expected = (1 + level**2) / level**2 * (denoised - clean[item]).square().mean()
        torch.testing.assert_close(found[item], expected)


def test_a_network_that_says_nothing_has_a_loss_of_1_at_every_noise_level() -> None:
    clean = torch.randn(6, 4, 4, 32, 32, generator=torch.Generator().manual_seed(6))
    noise = torch.randn(6, 4, 4, 32, 32, generator=torch.Generator().manual_seed(7))
    sigma = torch.logspace(-2, 2, 6)
    found = loss(EDM(), lambda x, c_noise: torch.zeros_like(x), clean, sigma, noise)
    torch.testing.assert_close(found, torch.ones(6), atol=0.05, rtol=0)


@pytest.mark.parametrize(("p_mean", "p_std"), [(-1.2, 1.0), (0.7, 1.6), (-3.0, 0.5)])
def test_noise_levels_have_the_quantiles_of_the_log_normal_distribution(p_mean: float, p_std: float) -> None:
    drawn = sample_sigma(0, range(20_000), p_mean, p_std).double().log()
    shares = torch.tensor([0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99], dtype=torch.float64)
    expected = p_mean + p_std * torch.distributions.Normal(0.0, 1.0).icdf(shares)
    torch.testing.assert_close(drawn.quantile(shares), expected, atol=0.06 * p_std, rtol=0)


def test_noise_levels_depend_on_seed_and_counter_alone() -> None:
    together = sample_sigma(3, range(10, 18), -1.2, 1.0)
    alone = torch.cat([sample_sigma(3, [index], -1.2, 1.0) for index in range(10, 18)])
    assert torch.equal(together, alone)
    assert len(set(together.tolist())) == 8
    assert not torch.equal(together, sample_sigma(4, range(10, 18), -1.2, 1.0))
    assert not torch.equal(together, sample_sigma(3, range(10, 18), -1.2, 1.0, purpose="augmentation"))


def test_noise_depends_on_seed_and_counter_alone() -> None:
    together = sample_noise(3, [5, 6, 7], (2, 4, 8, 8), offset=0.1)
    assert torch.equal(together[1:2], sample_noise(3, [6], (2, 4, 8, 8), offset=0.1))
    assert float(sample_noise(3, range(50), (2, 4, 8, 8)).std()) == pytest.approx(1, abs=0.02)


def test_a_noise_offset_is_one_number_per_item_and_channel() -> None:
    plain, shifted = (sample_noise(3, [5, 6], (3, 4, 8, 8), offset=offset) for offset in (0.0, 0.5))
    added = shifted - plain
    torch.testing.assert_close(added, added[:, :1, :, :1, :1].expand_as(added), atol=1e-6, rtol=0)
    assert len(set(added[:, 0, :, 0, 0].flatten().tolist())) == 8
    many = sample_noise(3, range(2000), (1, 4, 1, 1), offset=0.5) - sample_noise(3, range(2000), (1, 4, 1, 1))
    assert float(many.std()) == pytest.approx(0.5, abs=0.02)
