"""A video UNet on disk, in the layout of diffusers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from models.diffusion.unet.config import ActivationCheckpointing, UNetConfig
from models.diffusion.unet.model import VideoUNet
from models.diffusion.unet.weight_files import CONFIG, WeightFiles, read_json, require_shapes, write

_MAX_SHARD_BYTES: Final = 10 << 30


def load(
    folder: Path,
    dtype: torch.dtype | None = None,
    device: str | torch.device = "cpu",
    variant: str | None = None,
    activation_checkpointing: ActivationCheckpointing = "none",
) -> VideoUNet:
    """The model in ``folder``; see `VideoUNet.from_pretrained`. Weights are read once, and held once.

    Raises:
        DiffusionError: no such folder, damaged, or of another shape than its config.json says.
    """
    config = UNetConfig.from_diffusers(read_json(folder / CONFIG), str(folder / CONFIG))
    files = WeightFiles(folder, variant)
    with torch.device("meta"):
        model = VideoUNet(config.model_copy(update={"activation_checkpointing": activation_checkpointing}))
    require_shapes({name: tuple(value.shape) for name, value in model.state_dict().items()}, files, folder)
    model.load_state_dict(dict(files.read(dtype, device)), assign=True)
    return model


def save(
    folder: Path, config: UNetConfig, state: Mapping[str, Tensor], max_shard_bytes: int = _MAX_SHARD_BYTES
) -> None:
    """Write a model that diffusers' UNetSpatioTemporalConditionModel and `load` read.

    Args:
        state: a state dict of `VideoUNet`: the model's own, or averaged weights.
        max_shard_bytes: more than this is dealt to several files, with an index.

    Raises:
        DiffusionError: it cannot be written; nothing half written is left.
    """
    write(folder, config.to_diffusers(), state, max_shard_bytes)
