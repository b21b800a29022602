"""Sizes, shapes, mixed batches, what is refused."""

from __future__ import annotations

import pytest
import torch

from models.diffusion.errors import DiffusionError
from models.diffusion.unet.config import SIZES
from models.diffusion.unet.model import VideoUNet
from tests.models.diffusion.unet.tiny import Inputs, config, gradients, inputs, network


def parameters_of(size: str) -> tuple[int, int]:
    with torch.device("meta"):
        model = VideoUNet(SIZES[size])
    temporal = sum(value.numel() for _, value in model.temporal_parameters())
    return temporal, sum(value.numel() for value in model.parameters())


def test_stable_video_diffusion_has_as_many_parameters_as_published() -> None:
    assert parameters_of("svd") == (656_076_838, 1_524_623_082)


@pytest.mark.parametrize(("size", "millions"), [("5m", 5), ("40m", 40)])
def test_named_sizes_hold_what_they_say(size: str, millions: int) -> None:
    assert parameters_of(size)[1] == pytest.approx(millions * 1e6, rel=0.1)


def test_temporal_parameters_are_those_without_effect_on_stills() -> None:
    model = network(config())
    given = inputs(config())
    stills = gradients(model, model(*given, image_only=True))
    temporal = {name for name, _ in model.temporal_parameters()}
    assert temporal
    for name, value in gradients(model, model(*given)).items():
        assert value.abs().max() > 0, name
        assert (stills[name].abs().max() == 0) == (name in temporal), name


def test_items_of_a_batch_do_not_see_each_other() -> None:
    model = network(config())
    given = inputs(config(), batch=3)
    together = model(*given)
    for item in range(3):
        alone = model(*(value[item : item + 1] for value in given))
        torch.testing.assert_close(together[item : item + 1], alone, rtol=0, atol=1e-5)


def test_a_still_image_beside_a_video_is_what_it_is_alone() -> None:
    model = network(config())
    given = inputs(config(), batch=2)
    image_only = torch.tensor([[False] * 3, [True] * 3])
    mixed = model(*given, image_only)
    plain = model(*given)
    torch.testing.assert_close(mixed[0], plain[0], rtol=0, atol=1e-6)
    for frame in range(3):
        still = Inputs(given.x[1:, frame : frame + 1], given.c_noise[1:], given.context[1:], given.micro[1:])
        alone = model(*still, image_only=True)[0, 0]
        torch.testing.assert_close(mixed[1, frame], alone, rtol=0, atol=1e-5)
        assert (plain[1, frame] - alone).abs().max() > 0.01, "without the mask the frames must change each other"


def test_a_still_image_gives_temporal_layers_no_gradient() -> None:
    model = network(config())
    given = inputs(config(), batch=1)
    masked = gradients(model, model(*given, torch.ones(1, 3, dtype=torch.bool)))
    for name, _ in model.temporal_parameters():
        assert masked[name].abs().max() == 0, name


def test_frames_of_a_video_see_each_other_and_their_order() -> None:
    model = network(config())
    given = inputs(config(), batch=1)
    swapped = given._replace(x=given.x.flip(1))
    assert (model(*given).flip(1) - model(*swapped)).abs().max() > 1e-3


@pytest.mark.parametrize("tokens", [1, 4])
def test_context_micro_conditions_and_noise_level_all_count(tokens: int) -> None:
    model = network(config())
    given = inputs(config(), tokens=tokens)
    plain = model(*given)
    for name in ("c_noise", "context", "micro"):
        other = given._replace(**{name: getattr(given, name) + 1})
        assert (model(*other) - plain).abs().max() > 1e-3, name


@pytest.mark.parametrize("tokens", [1, 4])
def test_every_parameter_gets_a_gradient_though_it_be_zero(tokens: int) -> None:
    """Distributed training waits for each."""
    model = network(config())
    model(*inputs(config(), tokens=tokens)).sum().backward()
    assert [name for name, value in model.named_parameters() if value.grad is None] == []


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_autocast_and_low_precision_weights_stay_near(dtype: torch.dtype) -> None:
    model = network(config())
    given = inputs(config())
    exact = model(*given)
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype is torch.float32):
        rough = model.to(dtype)(*given)
    assert rough.dtype is torch.bfloat16
    assert (rough - exact).abs().max() < 0.05 * exact.abs().max()


def test_weights_in_channels_last_change_nothing() -> None:
    model = network(config())
    given = inputs(config())
    plain = model(*given)
    expected = gradients(model, plain)
    model.weights_to_channels_last()
    weight = model.down_blocks[0].resnets[0].temporal_res_block.conv1.weight
    assert weight.is_contiguous(memory_format=torch.channels_last_3d)
    found = model(*given)
    torch.testing.assert_close(found, plain, rtol=0, atol=1e-5)
    for name, value in gradients(model, found).items():
        torch.testing.assert_close(value, expected[name], rtol=1e-4, atol=1e-4, msg=name)


def test_units_to_shard_hold_nearly_all_weights_once() -> None:
    model = network(config())
    units = model.wrap_units()
    names = [id(parameter) for unit in units for parameter in unit.parameters()]
    assert len(names) == len(set(names))
    inside = sum(parameter.numel() for unit in units for parameter in unit.parameters())
    assert inside > 0.8 * sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("name", "shape", "told"),
    [
        ("x", (2, 3, 5, 8, 6), "5 input channels, its configuration says 4"),
        ("context", (2, 4, 20), "20 numbers per token of the context, its configuration says 24"),
        ("micro", (2, 2), "2 micro-conditions, its configuration says 3"),
    ],
)
def test_input_of_another_shape_is_refused_in_one_line(name: str, shape: tuple[int, ...], told: str) -> None:
    given = inputs(config())._replace(**{name: torch.zeros(shape)})
    with pytest.raises(DiffusionError, match=told):
        network(config())(*given)
