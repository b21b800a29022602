"""An image UNet of diffusers made a video UNet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from models.diffusion.errors import DiffusionError
from models.diffusion.unet.config import SIZES
from models.diffusion.unet.inflate import config_of_image_unet, inflate
from tests.models.diffusion.unet.tiny import gradients, inputs

IMAGE: dict[str, Any] = {
    "sample_size": 8,
    "block_out_channels": (32, 64),
    "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
    "layers_per_block": 1,
    "cross_attention_dim": 24,
    "attention_head_dim": (1, 2),
    "use_linear_projection": True,
}
MICRO = {"addition_time_embed_dim": 32, "projection_class_embeddings_input_dim": 96}
SD_2_1_FILE: dict[str, Any] = {
    "_class_name": "UNet2DConditionModel",
    "act_fn": "silu",
    "attention_head_dim": [5, 10, 20, 20],
    "block_out_channels": [320, 640, 1280, 1280],
    "center_input_sample": False,
    "cross_attention_dim": 1024,
    "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
    "downsample_padding": 1,
    "dual_cross_attention": False,
    "flip_sin_to_cos": True,
    "freq_shift": 0,
    "in_channels": 4,
    "layers_per_block": 2,
    "mid_block_scale_factor": 1,
    "norm_eps": 1e-05,
    "norm_num_groups": 32,
    "num_class_embeds": None,
    "only_cross_attention": False,
    "out_channels": 4,
    "sample_size": 96,
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
    "use_linear_projection": True,
    "upcast_attention": True,
}
"""As Stable Diffusion 2.1's unet/config.json has it."""


def image_unet(folder: Path, **changes: Any) -> Any:
    from diffusers import UNet2DConditionModel

    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = UNet2DConditionModel(**(IMAGE | changes)).eval()
    model.save_pretrained(folder)
    return model


def frames_of(image: Any, given: Any) -> torch.Tensor:
    """What the image model makes of every frame."""
    frames = given.x.shape[1]
    noise, context = (value.repeat_interleave(frames, dim=0) for value in (given.c_noise, given.context))
    out: torch.Tensor = image(given.x.flatten(0, 1), noise, context).sample
    return out.unflatten(0, given.x.shape[:2])


@pytest.mark.parametrize(
    "changes", [{}, {"use_linear_projection": False, "attention_head_dim": 4}], ids=["like SD 2.1", "like SD 1.5"]
)
def test_every_frame_is_what_the_image_model_makes_of_it(tmp_path: Path, changes: dict[str, Any]) -> None:
    image = image_unet(tmp_path, **changes)
    video = inflate(tmp_path, MICRO)
    moving = inputs(video.config)
    still = moving._replace(x=moving.x[:, :1].expand(-1, 3, -1, -1, -1))
    for given in (still, moving):
        found = video(*given)
        torch.testing.assert_close(found, frames_of(image, given), rtol=0, atol=1e-5)
    made = video(*still)
    torch.testing.assert_close(made, made[:, :1].expand_as(made), rtol=0, atol=1e-6)


def test_temporal_layers_learn_from_the_first_step_on(tmp_path: Path) -> None:
    image = image_unet(tmp_path)
    video = inflate(tmp_path, MICRO)
    given = inputs(video.config)
    found = gradients(video, video(*given))
    temporal = [name for name, _ in video.temporal_parameters()]
    last = [name for name in temporal if name.endswith(("conv2.weight", "to_out.0.weight", "net.2.weight"))]
    assert len(last) > 10
    assert all(found[name].abs().max() > 0 for name in last)
    with torch.no_grad():
        for name, parameter in video.named_parameters():
            parameter -= 0.01 * found[name]
    assert (video(*given) - frames_of(image, given)).abs().max() > 1e-3


def test_channels_for_image_to_video_begin_without_influence(tmp_path: Path) -> None:
    image = image_unet(tmp_path)
    video = inflate(tmp_path, {**MICRO, "in_channels": 8})
    given = inputs(video.config)
    expected = frames_of(image, given._replace(x=given.x[:, :, :4]))
    torch.testing.assert_close(video(*given), expected, rtol=0, atol=1e-5)


def test_half_precision_variants_are_read(tmp_path: Path) -> None:
    image = image_unet(tmp_path).half()
    image.save_pretrained(tmp_path, variant="fp16")
    video = inflate(tmp_path, MICRO, variant="fp16")
    assert torch.equal(video.conv_out.weight, image.conv_out.weight.float())


def test_stable_diffusion_2_1_becomes_stable_video_diffusion() -> None:
    found = config_of_image_unet(SD_2_1_FILE)
    assert found.model_copy(update={"in_channels": 8, "resnet_norm_eps": 1e-6}) == SIZES["svd"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"class_embed_type": "timestep"}, "class_embed_type is 'timestep'; only None can be made a video UNet"),
        ({"_class_name": "UNetSpatioTemporalConditionModel"}, "a UNet2DConditionModel is wanted"),
        ({"down_block_types": ["AttnDownBlock2D"] * 4}, "block type 'AttnDownBlock2D' is not supported"),
        ({"up_block_types": ["UpBlock2D"] * 4}, "does not mirror"),
    ],
)
def test_another_kind_of_image_model_is_refused_in_one_line(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(DiffusionError, match=told):
        config_of_image_unet(SD_2_1_FILE | changes)


@pytest.mark.parametrize(
    ("video", "file", "told"),
    [
        (
            {"cross_attention_dim": 32},
            {},
            r"attn2\.to_k\.weight has shape \(32, 24\), not \(32, 32\); .* another width",
        ),
        ({}, {"layers_per_block": 2}, r"lacks \S+, unlike the image UNet of its config\.json"),
        ({}, {"down_block_types": ["DownBlock2D"] * 2, "up_block_types": ["UpBlock2D"] * 2}, r"holds \S+, unlike"),
        ({"in_channels": "many"}, {}, "in_channels: Input should be a valid integer"),
    ],
)
def test_weights_of_another_shape_are_one_clear_line(
    tmp_path: Path, video: dict[str, Any], file: dict[str, Any], told: str
) -> None:
    image_unet(tmp_path)
    values = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(values | file))
    with pytest.raises(DiffusionError, match=told):
        inflate(tmp_path, {**MICRO, **video})
