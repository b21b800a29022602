"""The weights that a training begins with: an earlier stage's, those of a published model, or of an image model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from models.diffusion.conditioning import WIDTHS, Conditioning, ConditioningSettings
from models.diffusion.errors import DiffusionError
from models.diffusion.model_files import ModelFiles
from models.diffusion.motion_buckets import MotionBuckets
from models.diffusion.train.checkpoint import load_weights
from models.diffusion.train.folder import (
    CHECKPOINTS,
    CONDITIONING,
    CONFIG_NAME,
    UNET,
    WEIGHTS_NAME,
    Checkpoint,
    checkpoint_at,
)
from models.diffusion.train.settings import StartSettings
from models.diffusion.unet.inflate import config_of_image_unet, fill
from models.diffusion.unet.model import VideoUNet
from models.diffusion.unet.weight_files import WeightFiles
from models.hub import HubModel

START, RAW = "start", "raw"
_IMAGE_MODEL = "UNet2DConditionModel"
# The numbers that the published SVD checkpoints are told.
_PUBLISHED_MICRO = ("fps", "motion_bucket", "augmentation")


def load_start(network: VideoUNet, start: StartSettings, conditioning: ConditioningSettings) -> None:
    """Give ``network`` the weights of ``start.checkpoint``, which is given.

    Input channels and micro-conditions that the checkpoint does not know begin with zero weights, so that they change
    nothing at first: an image-to-video model may start from a text-to-video one. Temporal layers that an image model
    does not have begin as the identity.

    Raises:
        DiffusionError: there is no such checkpoint, or it is of another shape.
    """
    path = Path(start.checkpoint or "")
    own = _own(path)
    if own is not None:
        weights = _read(own.unet) if start.weights == RAW else load_weights(_average(own, start.weights))
        known = Conditioning.load(own.path / CONDITIONING, torch.zeros(1, 1, 1)).settings.micro
        network.load_state_dict(_fitted(weights, network, known, conditioning, path))
        return
    if start.weights != RAW:
        raise DiffusionError(
            f"start.weights: {start.weights}: only checkpoints of this trainer have averages, and {path} is none"
        )
    folder = _diffusers_folder(start)
    config = _config(folder, path)
    if config.get("_class_name") != _IMAGE_MODEL:
        network.load_state_dict(_fitted(_read(folder), network, _PUBLISHED_MICRO, conditioning, path))
        return
    wanted = config_of_image_unet(config, str(folder / CONFIG_NAME)).resnet_norm_eps
    if network.config.resnet_norm_eps != wanted:
        raise DiffusionError(
            f"start.checkpoint: {path}: an image UNet, whose ResNets compute with another epsilon: set "
            f"unet.resnet_norm_eps to {wanted:g}"
        )
    fill(network, _read(folder), str(folder))


def buckets_at_start(start: StartSettings, conditioning: ConditioningSettings) -> MotionBuckets | None:
    """The buckets of the stage that this one starts from, so that their numbers keep their meaning; None where it has
    none, or another number of them."""
    own = None if start.checkpoint is None else _own(Path(start.checkpoint))
    if own is None:
        return None
    buckets = Conditioning.load(own.path / CONDITIONING, torch.zeros(1, 1, 1)).buckets
    return buckets if buckets is not None and buckets.count == conditioning.motion_buckets else None


def _average(checkpoint: Checkpoint, name: str) -> Path:
    """0.050 in YAML is the number 0.05."""
    there = {file.stem: file for file in sorted(checkpoint.average(name).parent.glob("*.safetensors"))}
    for known, file in there.items():
        if known == name or (_is_number(name) and _is_number(known) and float(known) == float(name)):
            return file
    raise DiffusionError(
        f"start.weights: {name}: {checkpoint.path} has no such average; it has: {', '.join([RAW, *there])}"
    )


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdecimal()


def _own(path: Path) -> Checkpoint | None:
    """A checkpoint of this trainer, or the newest of an output folder."""
    found = checkpoint_at(path)
    if found is None and (path / CHECKPOINTS).is_dir():
        raise DiffusionError(f"start.checkpoint: {path}: holds no whole checkpoint")
    return found


def _read(folder: Path) -> dict[str, torch.Tensor]:
    return dict(WeightFiles(folder).read(torch.float32, "cpu"))


def hub_start(start: StartSettings) -> HubModel | None:
    """The repository of the hub that ``start.checkpoint`` names; None where it names a path, or nothing."""
    if start.checkpoint is None:
        return None
    model = HubModel(start.checkpoint, start.revision, start.cache_dir)
    return None if model.is_path else model


def _diffusers_folder(start: StartSettings) -> Path:
    """Where config.json and weights of diffusers are."""
    path = Path(start.checkpoint or "")
    if hub_start(start) is None:
        return path if (path / CONFIG_NAME).is_file() else path / UNET
    files = ModelFiles(str(path), START, start.revision, start.cache_dir, start.download, option="checkpoint")
    place, config = files.inside(UNET, CONFIG_NAME)
    files.first(f"{place}{WEIGHTS_NAME}", f"{place}{Path(WEIGHTS_NAME).stem}.bin")
    return config.parent


def _config(folder: Path, path: Path) -> dict[str, Any]:
    try:
        values: dict[str, Any] = json.loads((folder / CONFIG_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DiffusionError(
            f"start.checkpoint: {path}: is neither an output folder or checkpoint of `curation train` nor a folder of "
            f"diffusers with a UNet in it ({CONFIG_NAME})"
        ) from error
    return values


def _fitted(
    weights: dict[str, torch.Tensor],
    network: VideoUNet,
    known: tuple[str, ...],
    conditioning: ConditioningSettings,
    path: Path,
) -> dict[str, torch.Tensor]:
    """``weights`` with zeros for what the checkpoint was never told; ``known``: the micro-conditions it was told."""
    wanted = network.state_dict()
    fitted: dict[str, torch.Tensor | None] = dict(weights)
    fitted["conv_in.weight"] = _more_inputs(weights.get("conv_in.weight"), wanted["conv_in.weight"])
    name = "add_embedding.linear_1.weight"
    width = network.config.addition_time_embed_dim
    fitted[name] = _by_micro(weights.get(name), wanted[name], known, conditioning.micro, width)
    complete: dict[str, torch.Tensor] = {}
    for key, tensor in wanted.items():
        found = fitted.get(key)
        if found is None or found.shape != tensor.shape:
            has = "no such weights" if found is None else f"the shape {tuple(found.shape)}"
            raise DiffusionError(
                f"start.checkpoint: {path}: of another shape than the recipe's unet: {key} has {has} there and "
                f"{tuple(tensor.shape)} in the recipe; give the recipe the checkpoint's unet"
            )
        complete[key] = found
    return complete


def _more_inputs(saved: torch.Tensor | None, wanted: torch.Tensor) -> torch.Tensor | None:
    """Zeros for concatenated channels: (out, in, 3, 3)."""
    if saved is None or saved.shape[1] >= wanted.shape[1] or saved.shape[::2] != wanted.shape[::2]:
        return saved
    grown = torch.zeros_like(wanted, dtype=saved.dtype)
    grown[:, : saved.shape[1]] = saved
    return grown


def _by_micro(
    saved: torch.Tensor | None, wanted: torch.Tensor, known: tuple[str, ...], told: tuple[str, ...], width: int
) -> torch.Tensor | None:
    """The columns of each micro-condition at its place; zeros for those that are new: (out, n × width)."""
    if saved is None or saved.shape[0] != wanted.shape[0] or saved.shape[1] != sum(_columns(known, width).values()):
        return saved
    columns = dict(zip(known, torch.split(saved, list(_columns(known, width).values()), dim=1), strict=True))
    rows = saved.shape[0]
    parts = [columns.get(name, saved.new_zeros(rows, count)) for name, count in _columns(told, width).items()]
    return torch.cat(parts, dim=1)


def _columns(names: tuple[str, ...], width: int) -> dict[str, int]:
    return {name: WIDTHS.get(name, 1) * width for name in names}
