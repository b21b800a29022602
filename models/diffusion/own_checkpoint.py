"""Checkpoints of our trainer: finding the newest one of a training, and choosing among its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.diffusion.conditioning import Conditioning
from models.diffusion.ema_reconstruction import find_snapshots, reconstruct
from models.diffusion.errors import DiffusionError
from models.diffusion.recipe import Recipe
from models.diffusion.train.checkpoint import load_weights
from models.diffusion.train.folder import (
    CHECKPOINTS,
    CONDITIONING,
    CONFIG_NAME,
    RECIPE,
    SNAPSHOTS,
    UNET,
    WEIGHTS_NAME,
    Checkpoint,
    checked_digest,
    checkpoint_at,
    digest_of,
    read_complete,
)
from models.diffusion.unet.config import UNetConfig
from models.diffusion.unet.model import VideoUNet
from models.diffusion.unet.weight_files import read_json

RAW = "raw"


@dataclass(frozen=True)
class OwnCheckpoint:
    """A checkpoint, and which weights of it are meant.

    ``weights``: a file of the checkpoint, or the relative width of an average that is made from the snapshots of the
    training. ``told``: what complete.json says.
    """

    checkpoint: Checkpoint
    weights: Path | float
    recipe: Recipe
    told: Mapping[str, Any] = field(repr=False)

    @property
    def place(self) -> Path:
        """The checkpoint's folder."""
        return self.checkpoint.path

    @property
    def about(self) -> str:
        """Which weights these are, for a person."""
        return f"weights {self.ema} of {self.place}, {self.checkpoint.samples:,} samples"

    @property
    def data(self) -> Any:
        """What the training says of its shards."""
        return self.told.get("data")

    @property
    def snapshots(self) -> Path:
        """The folder of snapshots of averages."""
        return self.checkpoint.path.resolve().parent.parent / SNAPSHOTS

    @property
    def ema(self) -> str:
        """The name under which `open_checkpoint` finds these weights in the checkpoint's folder."""
        if not isinstance(self.weights, Path):
            return repr(self.weights)
        return RAW if self.weights.parent.name == UNET else self.weights.stem

    def network(self, device: torch.device, dtype: torch.dtype) -> VideoUNet:
        """The network with these weights.

        Raises:
            DiffusionError: a file is missing or damaged, or of another shape.
        """
        config_file = self.checkpoint.unet / CONFIG_NAME
        config = UNetConfig.from_diffusers(read_json(config_file), str(config_file))
        state = self._state()
        with torch.device("meta"):
            network = VideoUNet(config)
        wanted = {name: value.shape for name, value in network.state_dict().items()}
        if wanted != {name: value.shape for name, value in state.items()}:
            raise DiffusionError(f"{self._where}: the weights are not of the shape that {config_file} tells")
        network.load_state_dict({name: value.to(device, dtype) for name, value in state.items()}, assign=True)
        return network.eval().requires_grad_(False)

    def conditioning(self, null_context: Tensor) -> Conditioning:
        """How the network is told things. ``null_context`` [1, l, d]: in the place of a caption that is left out.

        Raises:
            DiffusionError: the checkpoint does not tell.
        """
        return Conditioning.load(self.checkpoint.path / CONDITIONING, null_context)

    def identity(self) -> dict[str, Any]:
        """Which weights these are, by their digests, for the sidecar.

        Raises:
            DiffusionError: a file differs from what was written.
        """
        place = {"checkpoint": str(self.checkpoint.path.resolve()), "samples": self.checkpoint.samples}
        if not isinstance(self.weights, Path):
            files = [one.path for one in find_snapshots(self.snapshots) if one.samples <= self.checkpoint.samples]
            return {**place, "ema": self.weights, "sha256": {file.name: digest_of(file) for file in files}}
        name = self.weights.relative_to(self.checkpoint.path).as_posix()
        return {**place, "weights": name, "sha256": checked_digest(self.checkpoint, name)}

    def _state(self) -> dict[str, Tensor]:
        if isinstance(self.weights, Path):
            return load_weights(self.weights)
        return reconstruct(self.snapshots, self.weights, self.checkpoint.samples)

    @property
    def _where(self) -> Path:
        return self.weights if isinstance(self.weights, Path) else self.snapshots


def open_checkpoint(path: Path, ema: str | None = None) -> OwnCheckpoint:
    """The model at ``path``: an output folder of a training (its newest whole checkpoint), one checkpoint, or a weights
    file of one.

    ``ema``: the name of an average; a relative width that is not stored, which is made from the snapshots; "raw": the
    weights as they were trained. None: the first average that the recipe names, or the weights where it names none.

    Raises:
        DiffusionError: there is no such checkpoint, or no such average of it.
    """
    if path.is_file():
        if ema is not None:
            raise DiffusionError(f"{path}: is one file of weights; give its checkpoint's folder to choose with --ema")
        checkpoint = _checkpoint_around(path)
        return _trained(checkpoint, path)
    checkpoint = _checkpoint(path)
    return _trained(checkpoint, _weights(checkpoint, ema))


def _trained(checkpoint: Checkpoint, weights: Path | float) -> OwnCheckpoint:
    told = read_complete(checkpoint.path)
    assert told is not None
    return OwnCheckpoint(checkpoint, weights, Recipe.load(checkpoint.path / RECIPE), told)


def _checkpoint(path: Path) -> Checkpoint:
    found = checkpoint_at(path)
    if found is not None:
        return found
    if (path / CHECKPOINTS).is_dir():
        raise DiffusionError(f"{path}: the training has not written a whole checkpoint yet")
    raise DiffusionError(
        f"{path}: is no checkpoint, or not a whole one; give the output folder of a training, or one of its "
        f"{CHECKPOINTS}/"
    )


def _checkpoint_around(file: Path) -> Checkpoint:
    for folder in (file.parent, file.parent.parent):
        if read_complete(folder) is not None and file.suffix == ".safetensors":
            return _checkpoint(folder)
    raise DiffusionError(f"{file}: is no weights file of a checkpoint ({UNET}/{WEIGHTS_NAME}, ema/*.safetensors)")


def _weights(checkpoint: Checkpoint, ema: str | None) -> Path | float:
    raw = checkpoint.unet / WEIGHTS_NAME
    stored = [profile.name for profile in Recipe.load(checkpoint.path / RECIPE).ema.profiles()]
    if ema is None:
        return checkpoint.average(stored[0]) if stored else raw
    if ema == RAW:
        return raw
    same = [name for name in stored if name == ema or _number(name) == _number(ema) is not None]
    if same:
        return checkpoint.average(same[0])
    width = _number(ema)
    if width is None:
        known = ", ".join([*stored, RAW])
        raise DiffusionError(f"--ema {ema}: {checkpoint.path} has {known}; or give a relative width between 0 and 0.28")
    return width


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
