"""Stable Video Diffusion as it was published: a pipeline folder of diffusers (model_index.json, unet/, vae/, …)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.diffusion.conditioning import Conditioning
from models.diffusion.errors import DiffusionError
from models.diffusion.own_checkpoint import RAW
from models.diffusion.recipe import Recipe
from models.diffusion.train.folder import digest_of
from models.diffusion.unet.config import UNetConfig
from models.diffusion.unet.model import VideoUNet
from models.diffusion.unet.weight_files import CONFIG, read_json

INDEX = "model_index.json"
_PIPELINE = "StableVideoDiffusionPipeline"
_MICRO = 3
_MOTION_BUCKETS = 256
_PUBLISHED_FPS = 7
# Of 25 frames and more, and of fewer: arXiv 2311.15127, appendix D.
_GUIDANCE_OF_LONG, _GUIDANCE, _LONG = "1.5:3.0", "1.0:2.5", 25


@dataclass(frozen=True)
class PublishedSvd:
    """An image-to-video model of the paper's authors, or one saved in its layout.

    ``recipe`` holds what sampling needs to know; what stands in it of training is without meaning.
    """

    place: Path
    recipe: Recipe
    ema: str = RAW

    @property
    def about(self) -> str:
        """Which weights these are, for a person."""
        return f"weights of {self.place}"

    @property
    def data(self) -> None:
        """Nothing is known of its data."""
        return

    def network(self, device: torch.device, dtype: torch.dtype) -> VideoUNet:
        """The network.

        Raises:
            DiffusionError: files are missing or damaged.
        """
        network = VideoUNet.from_pretrained(self.place / "unet", dtype=dtype, device=device)
        return network.eval().requires_grad_(False)

    def conditioning(self, null_context: Tensor) -> Conditioning:
        """How the network is told things; its motion buckets are numbers without known scores."""
        return Conditioning(self.recipe.conditioning, None, null_context)

    def identity(self) -> dict[str, Any]:
        """Digests of the weights."""
        files = sorted(path for path in (self.place / "unet").iterdir() if path.suffix in (".safetensors", ".bin"))
        return {"checkpoint": str(self.place.resolve()), "sha256": {file.name: digest_of(file) for file in files}}


def is_pipeline(path: Path) -> bool:
    """Whether this is a pipeline folder of diffusers, of whatever kind."""
    return (path / INDEX).is_file()


def open_pipeline(path: Path, ema: str | None = None) -> PublishedSvd:
    """The model in a folder such as a download of stabilityai/stable-video-diffusion-img2vid.

    Raises:
        DiffusionError: it is another kind of pipeline, incomplete, or has no average ``ema``.
    """
    kind = read_json(path / INDEX).get("_class_name")
    if kind != _PIPELINE:
        raise DiffusionError(f"{path}: is a {kind} of diffusers; of these, only {_PIPELINE} makes videos here")
    if ema not in (None, RAW):
        raise DiffusionError(f"--ema {ema}: {path} has no averages of its weights; leave --ema away")
    config = path / "unet" / CONFIG
    unet = UNetConfig.from_diffusers(read_json(config), str(config))
    if unet.num_micro != _MICRO:
        raise DiffusionError(
            f"{config}: tells of {unet.num_micro} micro-conditions; Stable Video Diffusion has {_MICRO}"
        )
    scaling = read_json(path / "vae" / CONFIG).get("scaling_factor", 0.18215)
    recipe = {
        "unet": unet.model_dump(),
        "autoencoder": {"model": str(path)},
        "image_encoder": {"model": str(path), "pretrained": None},
        # The frame's latent goes in as the autoencoder gives it, unscaled.
        "conditioning": {"context": "image", "frame": {"scale": 1 / scaling}, "motion_buckets": _MOTION_BUCKETS},
        "data": {"frames": unet.num_frames, "fps": _PUBLISHED_FPS, "sizes": [[576, 1024]]},
        "training": {"steps": 1, "batch_size": 1},
        "ema": {"sigma_rel": []},
        "sampling": {"guidance": _GUIDANCE_OF_LONG if unet.num_frames >= _LONG else _GUIDANCE},
    }
    return PublishedSvd(path, Recipe.model_validate(recipe))
