"""The configuration: what it takes, what diffusers' config.json it is."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from models.diffusion.errors import DiffusionError
from models.diffusion.unet.config import SIZES, UNetConfig
from tests.models.diffusion.unet.tiny import config

SVD_FILE: dict[str, Any] = {
    "_class_name": "UNetSpatioTemporalConditionModel",
    "_diffusers_version": "0.24.0.dev0",
    "addition_time_embed_dim": 256,
    "block_out_channels": [320, 640, 1280, 1280],
    "cross_attention_dim": 1024,
    "down_block_types": ["CrossAttnDownBlockSpatioTemporal"] * 3 + ["DownBlockSpatioTemporal"],
    "in_channels": 8,
    "layers_per_block": 2,
    "num_attention_heads": [5, 10, 20, 20],
    "num_frames": 14,
    "out_channels": 4,
    "projection_class_embeddings_input_dim": 768,
    "sample_size": 96,
    "transformer_layers_per_block": 1,
    "up_block_types": ["UpBlockSpatioTemporal"] + ["CrossAttnUpBlockSpatioTemporal"] * 3,
}
"""As Stable Video Diffusion's unet/config.json has it."""


def test_the_file_of_stable_video_diffusion_is_the_named_size() -> None:
    assert UNetConfig.from_diffusers(SVD_FILE) == SIZES["svd"]
    assert SIZES["svd"].num_micro == 3


def test_what_a_file_leaves_out_is_diffusers_default() -> None:
    from diffusers import UNetSpatioTemporalConditionModel

    default = UNetConfig.from_diffusers({})
    theirs = {name: p.default for name, p in inspect.signature(UNetSpatioTemporalConditionModel).parameters.items()}
    written = default.to_diffusers()
    for name, value in written.items():
        if name != "_class_name":
            assert value == _per_level(name, theirs[name]), name


def _per_level(name: str, value: Any) -> Any:
    if name in ("layers_per_block", "transformer_layers_per_block"):
        return [value] * 4
    return list(value) if isinstance(value, tuple) else value


@st.composite
def configs(draw: st.DrawFn) -> UNetConfig:
    levels = draw(st.integers(1, 4))

    def each(values: st.SearchStrategy[Any]) -> Any:
        return draw(st.lists(values, min_size=levels, max_size=levels))

    width = draw(st.sampled_from([32, 128]))
    return UNetConfig(
        in_channels=draw(st.integers(1, 32)),
        out_channels=draw(st.integers(1, 32)),
        block_out_channels=tuple(32 * n for n in each(st.integers(1, 40))),
        cross_attention=tuple(each(st.booleans())),
        layers_per_block=tuple(each(st.integers(1, 4))),
        transformer_layers_per_block=tuple(each(st.integers(1, 4))),
        num_attention_heads=tuple(each(st.sampled_from([1, 2, 4, 8]))),
        cross_attention_dim=draw(st.integers(1, 2048)),
        addition_time_embed_dim=width,
        projection_class_embeddings_input_dim=width * draw(st.integers(1, 7)),
        num_frames=draw(st.integers(1, 99)),
        resnet_norm_eps=draw(st.sampled_from([1e-6, 1e-5])),
    )


@given(configs())
@settings(max_examples=50)
def test_written_and_read_again_it_is_the_same(settings_: UNetConfig) -> None:
    assert UNetConfig.from_diffusers(settings_.to_diffusers()) == settings_


def test_one_number_stands_for_all_levels() -> None:
    assert config(layers_per_block=3, num_attention_heads=4).num_attention_heads == (4, 4)
    assert config(layers_per_block=3).layers_per_block == (3, 3)
    assert UNetConfig(layers_per_block=1).layers_per_block == (1, 1, 1, 1)


def test_micro_conditions_by_number() -> None:
    assert config().with_micro(5).num_micro == 5


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"block_out_channels": (32, 48)}, "48 is no multiple of 32"),
        ({"num_attention_heads": (1, 3)}, "64 channels cannot be dealt to 3 heads"),
        ({"layers_per_block": (1, 1, 1)}, "layers_per_block has 3 values, block_out_channels has 2 levels"),
        ({"layers_per_block": 0}, "must be at least 1"),
        ({"projection_class_embeddings_input_dim": 100}, "100 is no multiple of addition_time_embed_dim 32"),
        ({"chanels": 3}, "Extra inputs are not permitted"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        config(**changes)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"_class_name": "UNet2DConditionModel"}, r"f\.json: _class_name is UNet2DConditionModel; a UNetSpatio"),
        ({"down_block_types": ["DownBlock2D"]}, r"f\.json: block type 'DownBlock2D' is not supported; known are Cross"),
        ({"up_block_types": ["UpBlockSpatioTemporal"] * 4}, r"f\.json: up_block_types does not mirror"),
        ({"cross_attention_dim": [768, 768, 1024, 1024]}, r"f\.json: cross_attention_dim .* differs by level"),
        ({"block_out_channels": [320, 640, 1280, 1000]}, r"f\.json: .*1000 is no multiple of 32"),
        ({"in_channels": "eight"}, r"f\.json: in_channels: Input should be a valid integer"),
    ],
)
def test_a_file_of_something_else_is_refused_in_one_line(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(DiffusionError, match=told) as refused:
        UNetConfig.from_diffusers(SVD_FILE | changes, "f.json")
    assert "\n" not in str(refused.value)
