"""The network against diffusers' UNetSpatioTemporalConditionModel: same weights, same input, same numbers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from models.diffusion.unet.conditions import Conditions
from models.diffusion.unet.config import UNetConfig
from models.diffusion.unet.embedding import sinusoidal
from models.diffusion.unet.model import VideoUNet
from models.diffusion.unet.resnet import SpatioTemporalResNet
from models.diffusion.unet.transformer import SpatioTemporalTransformer
from tests.models.diffusion.unet.tiny import config, gradients, inputs

CASES = {
    "an image as context, image-to-video": (config(in_channels=8), {"tokens": 1}),
    "text": (config(), {"tokens": 7}),
    "three levels, deep transformers": (
        config(
            block_out_channels=(32, 64, 64),
            cross_attention=(True, True, False),
            layers_per_block=(1, 2, 1),
            transformer_layers_per_block=(1, 2, 1),
            num_attention_heads=(1, 2, 4),
        ),
        {"size": (8, 12)},
    ),
    "transformers below only, five micro-conditions": (
        config(cross_attention=(False, True), projection_class_embeddings_input_dim=160),
        {},
    ),
    "sides that do not halve": (
        config(block_out_channels=(32, 32, 32), cross_attention=(False, True, False), num_attention_heads=2),
        {"size": (7, 9), "frames": 2},
    ),
    "one frame": (config(), {"frames": 1, "batch": 1}),
}


def reference(settings: UNetConfig, seed: int = 0) -> Any:
    from diffusers import UNetSpatioTemporalConditionModel

    values = {name: value for name, value in settings.to_diffusers().items() if name != "_class_name"}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return UNetSpatioTemporalConditionModel(**values)


def twin(settings: UNetConfig, theirs: nn.Module) -> VideoUNet:
    ours = VideoUNet(settings)
    ours.load_state_dict(theirs.state_dict())
    return ours


@pytest.mark.parametrize("case", list(CASES))
def test_output_and_all_gradients_in_single_precision(case: str) -> None:
    settings, shape = CASES[case]
    theirs = reference(settings)
    ours = twin(settings, theirs)
    given = inputs(settings, **shape)
    expected = theirs(*given).sample
    found = ours(*given)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    expected_gradients, found_gradients = gradients(theirs, expected), gradients(ours, found)
    assert found_gradients.keys() == expected_gradients.keys()
    largest = max(value.abs().max() for value in expected_gradients.values())
    for name, value in expected_gradients.items():
        assert (found_gradients[name] - value).abs().max() < 1e-5 * largest, name


@pytest.mark.parametrize("case", ["an image as context, image-to-video", "three levels, deep transformers"])
def test_output_and_each_gradient_in_double_precision(case: str) -> None:
    settings, shape = CASES[case]
    theirs = reference(settings).double()
    ours = twin(settings, theirs).double()
    given = inputs(settings, **shape, dtype=torch.float64)
    expected, found = theirs(*given).sample, ours(*given)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    expected_gradients, found_gradients = gradients(theirs, expected), gradients(ours, found)
    largest = max(value.abs().max() for value in expected_gradients.values())
    for name, value in expected_gradients.items():
        torch.testing.assert_close(found_gradients[name], value, rtol=1e-9, atol=1e-13 * float(largest), msg=name)


def mask() -> torch.Tensor:
    return torch.tensor([[False, False, False], [True, True, True], [False, True, False]])


def conditions(settings: UNetConfig, width: int) -> Conditions:
    given = inputs(settings, batch=3)
    embedding = torch.nn.functional.silu(torch.randn(3, 128, generator=torch.Generator().manual_seed(3)))
    return Conditions(embedding, given.context, {width: sinusoidal(torch.arange(3), width)}, 3, mask())


def test_still_images_pass_through_a_resnet_as_in_diffusers() -> None:
    from diffusers.models.resnet import SpatioTemporalResBlock

    torch.manual_seed(4)
    theirs = SpatioTemporalResBlock(32, 64, temb_channels=128, eps=1e-6)
    ours = SpatioTemporalResNet(32, 64, 128, 1e-6, "none")
    ours.load_state_dict(theirs.state_dict())
    x, raw = torch.randn(9, 32, 4, 5), torch.randn(3, 128)
    given = conditions(config(), 64)._replace(embedding=torch.nn.functional.silu(raw))
    expected = theirs(x, raw.repeat_interleave(3, dim=0), mask())
    torch.testing.assert_close(
        ours(x.contiguous(memory_format=torch.channels_last), given), expected, rtol=0, atol=1e-5
    )


def test_still_images_pass_through_a_transformer_as_in_diffusers() -> None:
    from diffusers.models.transformers.transformer_temporal import TransformerSpatioTemporalModel

    torch.manual_seed(5)
    theirs = TransformerSpatioTemporalModel(2, 32, in_channels=64, num_layers=2, cross_attention_dim=24)
    ours = SpatioTemporalTransformer(64, 2, 2, 24, "none")
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(9, 64, 4, 5)
    given = conditions(config(), 64)
    expected = theirs(x, given.context.repeat_interleave(3, dim=0), mask(), return_dict=False)[0]
    torch.testing.assert_close(ours(x, given), expected, rtol=0, atol=1e-5)
