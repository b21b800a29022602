"""What a video was made from and how, so that it can be made again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from models.diffusion.generate import Generator
from models.diffusion.request import Look, Request
from models.diffusion.sampling import SamplingSettings
from models.diffusion.trained import Trained


def about_model(trained: Trained, generator: Generator) -> dict[str, Any]:
    """The weights of every part by their digests, the recipe, and the shards that it was trained on.

    Raises:
        DiffusionError: the weights on disk are not those that the training wrote.
    """
    return {
        **trained.identity(),
        "autoencoder": generator.autoencoder.identity,
        "encoder": generator.encoder.identity,
        "data": trained.data,
        "recipe": trained.recipe.model_dump(mode="json"),
    }


def about_video(
    request: Request,
    look: Look,
    settings: SamplingSettings,
    *,
    device: torch.device,
    dtype: torch.dtype,
    batch_size: int,
    model: Mapping[str, Any],
) -> dict[str, Any]:
    """All that the sidecar says but the command; ``look``: with nothing left open."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    return {
        "prompt": request.prompt,
        "image": None if request.image is None else _file(request.image),
        "index": request.index,
        **asdict(look),
        "sampling": settings.model_dump(mode="json"),
        "computed": {"device": name, "dtype": str(dtype).removeprefix("torch."), "batch_size": batch_size},
        "model": dict(model),
    }


def _file(path: Path) -> dict[str, str]:
    return {"path": str(path.resolve()), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
