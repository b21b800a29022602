"""Averages of the weights against their definition, and made afterwards against tracked ones."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.diffusion.ema import Ema, EmaSettings, PowerProfile
from models.diffusion.ema_reconstruction import find_snapshots, fit, reconstruct, save_snapshot
from models.diffusion.errors import DiffusionError

BATCH = 4


def walk(steps: int) -> list[dict[str, Tensor]]:
    """Weights that wander, as those of a training do; of two shapes, one of which never changes."""
    moves = torch.randn(steps, 2, 5, generator=torch.Generator().manual_seed(1))
    fixed = torch.tensor([1.5, -2.5])
    return [{"a": moves[: step + 1].sum(dim=0), "b": fixed} for step in range(steps)]


def tracked(weights: list[dict[str, Tensor]], settings: EmaSettings) -> Ema:
    ema = Ema(weights[0], settings)
    for step, current in enumerate(weights, 1):
        ema.update(current, step * BATCH, BATCH)
    return ema


@given(st.floats(0.005, 0.28))
def test_the_exponent_gives_the_profile_its_width(sigma_rel: float) -> None:
    """The standard deviation of a density (γ + 1) τ^γ on [0, 1], from its moments."""
    gamma = PowerProfile(sigma_rel).exponent
    mean, square = (gamma + 1) / (gamma + 2), (gamma + 1) / (gamma + 3)
    assert math.sqrt(square - mean**2) == pytest.approx(sigma_rel, rel=1e-4)


def test_the_widths_of_the_paper_have_its_exponents() -> None:
    assert PowerProfile(0.05).exponent == pytest.approx(16.97, abs=0.01)
    assert PowerProfile(0.10).exponent == pytest.approx(6.94, abs=0.01)


@pytest.mark.parametrize("sigma_rel", [0.05, 0.2])
def test_weights_count_as_the_power_function_says(sigma_rel: float) -> None:
    """After t steps, those of step k count as the integral of the profile over the k-th of t parts."""
    weights = walk(30)
    found = tracked(weights, EmaSettings(sigma_rel=(sigma_rel,))).weights(PowerProfile(sigma_rel).name)["a"]
    edges = (torch.arange(31) / 30).double() ** (PowerProfile(sigma_rel).exponent + 1)
    expected = sum(share * one["a"] for share, one in zip(edges.diff().tolist(), weights, strict=True))
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_time_is_counted_in_samples() -> None:
    """Weights that stay for two steps of 4 samples count as those that stay for one of 8."""
    one, other = Ema(walk(1)[0], EmaSettings()), Ema(walk(1)[0], EmaSettings())
    for step, weights in enumerate(walk(10)):
        one.update(weights, (2 * step + 1) * BATCH, BATCH)
        one.update(weights, (2 * step + 2) * BATCH, BATCH)
        other.update(weights, (step + 1) * 2 * BATCH, 2 * BATCH)
    for name in one.names():
        torch.testing.assert_close(one.weights(name), other.weights(name))


def test_an_exponential_average() -> None:
    weights = walk(40)
    found = tracked(weights, EmaSettings(sigma_rel=(), decay=(0.9,))).weights("decay-0.9")["a"]
    expected = weights[0]["a"]
    for current in weights:
        expected = 0.9 * expected + 0.1 * current["a"]
    torch.testing.assert_close(found, expected)


def test_weights_of_half_precision_are_averaged_in_single() -> None:
    half = [{"a": one["a"].bfloat16()} for one in walk(50)]
    found = tracked(half, EmaSettings(decay=(0.99,)))
    single = tracked([{"a": one["a"].float()} for one in half], EmaSettings(decay=(0.99,)))
    for name in found.names():
        assert torch.equal(found.weights(name)["a"], single.weights(name)["a"])


def test_a_resumed_average_has_the_same_bits(tmp_path: Path) -> None:
    settings, weights = EmaSettings(decay=(0.9999,)), walk(60)
    straight = tracked(weights, settings)
    stopped = tracked(weights[:25], settings)
    torch.save(stopped.state_dict(), tmp_path / "state.pt")
    resumed = Ema(weights[25], settings)
    resumed.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    for step, current in enumerate(weights[25:], 26):
        resumed.update(current, step * BATCH, BATCH)
    for name in straight.names():
        for key, value in straight.weights(name).items():
            assert torch.equal(value, resumed.weights(name)[key])


def test_averages_of_other_settings_or_models_are_refused() -> None:
    ema = Ema(walk(1)[0], EmaSettings())
    with pytest.raises(DiffusionError, match="resume with the same ema settings"):
        ema.load_state_dict(Ema(walk(1)[0], EmaSettings(sigma_rel=(0.05,))).state_dict())
    with pytest.raises(DiffusionError, match="another shape"):
        ema.load_state_dict(Ema({"a": torch.zeros(3)}, EmaSettings()).state_dict())


@pytest.mark.parametrize("settings", [{"sigma_rel": [0.3]}, {"sigma_rel": [0]}, {"decay": [1.0]}, {"width": [0.1]}])
def test_settings_out_of_range_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        EmaSettings.model_validate(settings)


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ema]:
    """800 steps that left snapshots of two widths every 50; and averages of four widths that were tracked beside."""
    folder = tmp_path_factory.mktemp("snapshots")
    kept, others = EmaSettings(), EmaSettings(sigma_rel=(0.03, 0.07, 0.15, 0.22))
    weights = walk(800)
    ema, direct = Ema(weights[0], kept), Ema(weights[0], others)
    for step, current in enumerate(weights, 1):
        ema.update(current, step * BATCH, BATCH)
        direct.update(current, step * BATCH, BATCH)
        if step % 50 == 0:
            for profile in map(PowerProfile, kept.sigma_rel):
                save_snapshot(folder, profile, step * BATCH, ema.weights(profile.name))
    return folder, direct


@pytest.mark.parametrize(("sigma_rel", "tolerance"), [(0.03, 0.03), (0.07, 0.002), (0.15, 0.002), (0.22, 0.015)])
def test_a_reconstructed_average_is_the_tracked_one(
    training: tuple[Path, Ema], sigma_rel: float, tolerance: float
) -> None:
    folder, direct = training
    found, expected = reconstruct(folder, sigma_rel), direct.weights(PowerProfile(sigma_rel).name)
    wandered = walk(800)[-1]["a"] - expected["a"]
    assert float((found["a"] - expected["a"]).norm() / wandered.norm()) < tolerance
    torch.testing.assert_close(found["b"], expected["b"])


def test_a_stored_average_is_reconstructed_as_it_is(training: tuple[Path, Ema]) -> None:
    folder, _ = training
    stored = load_file(folder / f"{800 * BATCH:012d}-0.100.safetensors")
    torch.testing.assert_close(reconstruct(folder, 0.10), stored, atol=1e-4, rtol=1e-4)


def test_an_average_of_an_earlier_time_knows_nothing_of_later_weights(
    training: tuple[Path, Ema], tmp_path: Path
) -> None:
    folder, _ = training
    for path in folder.iterdir():
        if int(path.name.split("-")[0]) <= 400 * BATCH:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    torch.testing.assert_close(reconstruct(folder, 0.07, 400 * BATCH), reconstruct(tmp_path, 0.07))


def test_a_width_that_the_snapshots_cannot_give_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    save_snapshot(tmp_path, PowerProfile(0.05), 1000, {"a": torch.ones(2)})
    reconstruct(tmp_path, 0.05)
    assert not caplog.records
    reconstruct(tmp_path, 0.2)
    assert "by 1 snapshots" in caplog.text


def test_the_inner_products_are_those_of_numeric_integration(training: tuple[Path, Ema]) -> None:
    """What a fit misses, from the profiles themselves on a fine grid."""
    snapshots = find_snapshots(training[0])
    end = 800 * BATCH
    shares, missed = fit(snapshots, 0.15, end)
    times = (np.arange(400_000) + 0.5) / 400_000 * end

    def profile(sigma_rel: float, until: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        gamma = PowerProfile(sigma_rel).exponent
        return np.where(times <= until, (gamma + 1) * (times / until) ** gamma / until, 0)

    wanted = profile(0.15, end)
    found = sum(
        share * profile(one.profile.sigma_rel, one.samples) for share, one in zip(shares, snapshots, strict=True)
    )
    assert missed == pytest.approx(math.sqrt(((found - wanted) ** 2).sum() / (wanted**2).sum()), rel=0.01)
    assert shares.sum() == pytest.approx(1)


def test_a_folder_without_snapshots_or_with_other_files_is_told(tmp_path: Path) -> None:
    with pytest.raises(DiffusionError, match="holds no snapshots"):
        reconstruct(tmp_path, 0.1)
    save_file({"a": torch.ones(1)}, tmp_path / "model.safetensors")
    with pytest.raises(DiffusionError, match=r"model\.safetensors: is no snapshot"):
        reconstruct(tmp_path, 0.1)
    with pytest.raises(DiffusionError, match=r"between 0 and 0\.2887"):
        reconstruct(tmp_path, 0.5)


def test_snapshots_of_two_models_are_not_mixed(tmp_path: Path) -> None:
    save_snapshot(tmp_path, PowerProfile(0.05), 100, {"a": torch.ones(2)})
    save_snapshot(tmp_path, PowerProfile(0.05), 200, {"b": torch.ones(2)})
    with pytest.raises(DiffusionError, match="another model"):
        reconstruct(tmp_path, 0.05)
