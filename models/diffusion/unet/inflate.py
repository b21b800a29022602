"""An image UNet made a video UNet: its weights, and temporal layers that change nothing yet."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from models.diffusion.errors import DiffusionError
from models.diffusion.unet.config import UNetConfig, checked, one_width
from models.diffusion.unet.model import VideoUNet, is_temporal
from models.diffusion.unet.weight_files import CONFIG, WeightFiles, read_json

_IMAGE_CLASS: Final = "UNet2DConditionModel"
_RESNET: Final = re.compile(r"(\.resnets\.\d+\.)")
_PROJECTION: Final = re.compile(r"\.proj_(in|out)\.weight$")
_LAST_OF_BRANCH: Final = re.compile(
    r"\.(temporal_res_block\.conv2"
    r"|temporal_transformer_blocks\.\d+\.(ff_in\.net\.2|ff\.net\.2|attn1\.to_out\.0|attn2\.to_out\.0)"
    r"|time_pos_embed\.linear_2)\."
)
_MICRO: Final = "add_embedding."
_NEW_CHANNELS: Final = "conv_in.weight"
_BLOCKS: Final = {"CrossAttnDownBlock2D": True, "DownBlock2D": False}
_UP_BLOCKS: Final = {"CrossAttnUpBlock2D": True, "UpBlock2D": False}
_ONLY: Final[Mapping[str, Any]] = {
    "act_fn": "silu",
    "addition_embed_type": None,
    "attention_type": "default",
    "center_input_sample": False,
    "class_embed_type": None,
    "conv_in_kernel": 3,
    "conv_out_kernel": 3,
    "downsample_padding": 1,
    "dual_cross_attention": False,
    "encoder_hid_dim": None,
    "flip_sin_to_cos": True,
    "freq_shift": 0,
    "mid_block_scale_factor": 1,
    "mid_block_type": "UNetMidBlock2DCrossAttn",
    "norm_eps": 1e-5,
    "norm_num_groups": 32,
    "num_class_embeds": None,
    "only_cross_attention": False,
    "resnet_out_scale_factor": 1.0,
    "resnet_skip_time_act": False,
    "resnet_time_scale_shift": "default",
    "time_cond_proj_dim": None,
    "time_embedding_type": "positional",
}
_AS_THEY_ARE: Final = (
    "in_channels",
    "out_channels",
    "block_out_channels",
    "layers_per_block",
    "transformer_layers_per_block",
)


def inflate(folder: str | Path, changes: Mapping[str, Any] | None = None, variant: str | None = None) -> VideoUNet:
    """A video UNet, in float32, that does to every frame what the image UNet in ``folder`` does.

    All spatial weights are the image UNet's. The last layer of every temporal branch, of the frame positions and of the
    micro-conditions is zero, so that they begin without influence, and learn from the first step on. Where
    ``in_channels`` grows, what comes in through the new channels has no influence either. All else that is new is
    drawn by torch's default initialisation from its global generator.

    Source: Video LDM, arXiv 2304.08818, §3.1 (there the mixing factor, here the branches start at identity).

    Args:
        folder: in diffusers' layout, a UNet2DConditionModel shaped as those of Stable Diffusion 1 and 2.
        changes: fields of `UNetConfig` to be other than the image model's: ``in_channels=8`` for image-to-video.
        variant: of the weight files, such as "fp16".

    Raises:
        DiffusionError: no such folder, damaged, or a model that has no such video UNet.
    """
    folder = Path(folder)
    where = str(folder / CONFIG)
    fields = config_of_image_unet(read_json(folder / CONFIG), where).model_dump() | dict(changes or {})
    model = VideoUNet(checked(UNetConfig, fields, where))
    files = WeightFiles(folder, variant)
    fill(model, dict(files.read(torch.float32, "cpu")), str(folder))
    return model


def fill(model: VideoUNet, image: Mapping[str, Tensor], where: str) -> None:
    """Give ``model`` the weights of an image UNet's state dict, and temporal layers that are the identity.

    Args:
        where: what the state dict was read from, for messages.

    Raises:
        DiffusionError: names or shapes do not fit.
    """
    state = model.state_dict()
    spatial = {name for name in state if not is_temporal(name) and not name.startswith(_MICRO)}
    given = {_RESNET.sub(r"\1spatial_res_block.", name): value for name, value in image.items()}
    for names, what in ((spatial - given.keys(), "lacks"), (given.keys() - spatial, "holds")):
        if names:
            raise DiffusionError(f"{where}: {what} {min(names)}, unlike the image UNet of its config.json")
    start_as_identity(model)
    with torch.no_grad():
        for name, value in given.items():
            target = state[name]
            if _PROJECTION.search(name) and value.ndim == 4:
                value = value.flatten(1)
            if name == _NEW_CHANNELS and value.shape[1] < target.shape[1]:
                target.zero_()
                target = target[:, : value.shape[1]]
            if value.shape != target.shape:
                raise DiffusionError(
                    f"{where}: {name} has shape {tuple(value.shape)}, not {tuple(target.shape)}; "
                    "the image UNet is of another width than the video UNet"
                )
            target.copy_(value)


def start_as_identity(model: nn.Module) -> None:
    """Make every temporal layer of ``model`` leave its input as it is, and take the influence from micro-conditions."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if _LAST_OF_BRANCH.search(name) or name.startswith(f"{_MICRO}linear_2."):
                parameter.zero_()


def config_of_image_unet(values: Mapping[str, Any], where: str = "config.json") -> UNetConfig:
    """The configuration of the video UNet over an image UNet with this config.json.

    Raises:
        DiffusionError: it is no UNet2DConditionModel, or of a kind that has no such video UNet.
    """
    kind = values.get("_class_name", _IMAGE_CLASS)
    if kind != _IMAGE_CLASS:
        raise DiffusionError(f"{where}: _class_name is {kind}; a {_IMAGE_CLASS} is wanted")
    for name, only in _ONLY.items():
        if values.get(name, only) != only:
            raise DiffusionError(f"{where}: {name} is {values[name]!r}; only {only!r} can be made a video UNet")
    fields: dict[str, Any] = {name: values[name] for name in _AS_THEY_ARE if name in values}
    fields.setdefault("in_channels", 4)
    fields["cross_attention"] = _levels_with_attention(values, where)
    fields["cross_attention_dim"] = one_width(values.get("cross_attention_dim", 1280), where)
    # The key is a misnomer of old that all published configurations keep: it holds the number of heads.
    fields["num_attention_heads"] = values.get("num_attention_heads") or values.get("attention_head_dim", 8)
    return checked(UNetConfig, {**fields, "resnet_norm_eps": 1e-5}, where)


def _levels_with_attention(values: Mapping[str, Any], where: str) -> tuple[bool, ...]:
    down = values.get("down_block_types", ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"])
    up = values.get("up_block_types", ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3)
    for given, known in ((down, _BLOCKS), (up, _UP_BLOCKS)):
        unknown = [kind for kind in given if kind not in known]
        if unknown:
            raise DiffusionError(f"{where}: block type {unknown[0]!r} is not supported; known are {', '.join(known)}")
    has = tuple(_BLOCKS[kind] for kind in down)
    if has[::-1] != tuple(_UP_BLOCKS[kind] for kind in up):
        raise DiffusionError(f"{where}: up_block_types does not mirror down_block_types")
    return has
