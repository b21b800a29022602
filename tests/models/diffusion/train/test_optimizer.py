"""Warm-up, and which weights are trained."""

from __future__ import annotations

import pytest

from models.diffusion.conditioning import ConditioningSettings
from models.diffusion.errors import DiffusionError
from models.diffusion.train.optimizer import OptimizerSettings, choose_trainable, learning_rate
from models.diffusion.unet.model import is_temporal
from tests.models.diffusion.train.test_objective import a_network


def test_the_rate_rises_with_the_samples_and_stays() -> None:
    settings = OptimizerSettings(learning_rate=2.0, warmup_steps=10)
    rates = [learning_rate(settings, samples, 8) for samples in (8, 40, 80, 88, 10**9)]
    assert rates == pytest.approx([0.2, 1.0, 2.0, 2.0, 2.0])
    assert learning_rate(settings.model_copy(update={"warmup_steps": 0}), 1, 8) == 2.0


def trained(which: str, *, stills_only: bool = False) -> set[str]:
    network = a_network(ConditioningSettings())
    choose_trainable(network, which, stills_only=stills_only)  # type: ignore[arg-type]
    return {name for name, one in network.named_parameters() if one.requires_grad}


def test_parts_of_the_network_can_be_left_as_they_are() -> None:
    everything = trained("all")
    assert trained("spatial") | trained("temporal") == everything
    assert not trained("spatial") & trained("temporal")
    assert all(is_temporal(name) for name in trained("temporal"))
    assert {name.split(".")[0] for name in trained("time_embedding")} == {"time_embedding"}
    assert trained("all", stills_only=True) == trained("spatial")


def test_nothing_to_train_is_a_mistake() -> None:
    with pytest.raises(DiffusionError, match=r"optimizer\.trainable: temporal: there are no such weights"):
        trained("temporal", stills_only=True)
