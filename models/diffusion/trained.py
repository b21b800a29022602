"""A trained model on disk, whoever trained it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from models.diffusion.conditioning import Conditioning
from models.diffusion.errors import DiffusionError
from models.diffusion.own_checkpoint import open_checkpoint
from models.diffusion.published_svd import is_pipeline, open_pipeline
from models.diffusion.recipe import Recipe
from models.diffusion.unet.model import VideoUNet


class Trained(Protocol):
    """``recipe``: how it was trained, or what that comes to for sampling; ``place``: its folder; ``ema``: which of its
    weights are meant, by name; ``about``: that for a person; ``data``: what is known of the data it was trained on."""

    @property
    def recipe(self) -> Recipe: ...
    @property
    def place(self) -> Path: ...
    @property
    def ema(self) -> str: ...
    @property
    def about(self) -> str: ...
    @property
    def data(self) -> Any: ...

    def network(self, device: torch.device, dtype: torch.dtype) -> VideoUNet:
        """The network with these weights, or a `DiffusionError`."""
        ...

    def conditioning(self, null_context: Tensor) -> Conditioning:
        """How the network is told things. ``null_context`` [1, l, d]: in the place of a caption that is left out."""
        ...

    def identity(self) -> dict[str, Any]:
        """Which weights these are, by their digests; a `DiffusionError` where files are not what was written."""
        ...


def open_trained(path: Path, ema: str | None = None) -> Trained:
    """The model at ``path``: as `open_checkpoint` takes it, or a folder of Stable Video Diffusion (`open_pipeline`).

    Raises:
        DiffusionError: there is no such model, or no such average of its weights.
    """
    if not path.exists():
        raise DiffusionError(f"{path}: there is no such file or folder; give the output folder of a training")
    return open_pipeline(path, ema) if is_pipeline(path) else open_checkpoint(path, ema)
