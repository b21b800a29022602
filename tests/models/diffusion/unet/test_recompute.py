"""Activation checkpointing: the same numbers from fewer bytes."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from benchmarks.activations import saved_bytes
from models.diffusion.unet.config import ActivationCheckpointing
from models.diffusion.unet.model import VideoUNet
from tests.models.diffusion.unet.tiny import config, gradients, inputs, network

MODES: tuple[ActivationCheckpointing, ...] = ("none", "selective", "full")
SETTINGS = config(cross_attention=(True, True))


def checkpointed(mode: ActivationCheckpointing) -> VideoUNet:
    return network(SETTINGS.model_copy(update={"activation_checkpointing": mode}))


@pytest.mark.parametrize("mode", ["selective", "full"])
@pytest.mark.parametrize("tokens", [1, 5])
def test_output_and_gradients_are_the_same(mode: ActivationCheckpointing, tokens: int) -> None:
    given = inputs(SETTINGS, tokens=tokens)
    image_only = torch.tensor([[False] * 3, [True] * 3])
    plain, again = checkpointed("none"), checkpointed(mode)
    expected, found = plain(*given, image_only), again(*given, image_only)
    assert torch.equal(found, expected)
    expected_gradients = gradients(plain, expected)
    for name, value in gradients(again, found).items():
        assert torch.equal(value, expected_gradients[name]), name


def test_each_mode_keeps_less_than_the_one_before_and_none_less_than_diffusers() -> None:
    from diffusers import UNetSpatioTemporalConditionModel

    given = inputs(SETTINGS, size=(16, 16))
    ours = {}
    for mode in MODES:
        model = checkpointed(mode)
        ours[mode] = saved_bytes(partial(model, *given))
    values = {name: value for name, value in SETTINGS.to_diffusers().items() if name != "_class_name"}
    theirs = UNetSpatioTemporalConditionModel(**values)
    plain = saved_bytes(lambda: theirs(*given).sample)
    theirs.enable_gradient_checkpointing()
    least = saved_bytes(lambda: theirs(*given).sample)
    assert ours["none"] < 0.8 * plain
    assert ours["selective"] < 0.8 * ours["none"]
    assert ours["full"] < 0.5 * ours["selective"]
    assert ours["full"] < 0.5 * least


def test_spatial_and_temporal_layers_are_both_computed_again() -> None:
    given = inputs(SETTINGS)
    full = checkpointed("full")
    seen: dict[str, int] = {}

    def count(name: str, *_: object) -> None:
        seen[name] = seen.get(name, 0) + 1

    parts = ("spatial_res_block", "temporal_res_block", "transformer_blocks.0", "temporal_transformer_blocks.0")
    layers = {name: module for name, module in full.named_modules() if name.endswith(parts)}
    assert {part for part in parts if any(name.endswith(f".{part}") for name in layers)} == set(parts)
    for name, module in layers.items():
        module.register_forward_pre_hook(partial(count, name))
    full(*given).sum().backward()
    assert seen == dict.fromkeys(layers, 2)


def test_without_gradients_nothing_is_kept() -> None:
    model = checkpointed("none")
    with torch.no_grad():
        assert saved_bytes(partial(model, *inputs(SETTINGS))) == 0
