"""From settings to an autoencoder: finding its files, telling its kind, reading its weights as data only."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from torch import Tensor, nn

from models.diffusion.autoencoder.errors import AutoencoderError
from models.diffusion.autoencoder.frozen import Autoencoder, FrozenAutoencoder
from models.diffusion.autoencoder.kl import KLConfig, KLModel
from models.diffusion.autoencoder.pixels import PixelModel
from models.diffusion.autoencoder.settings import PIXELS, AutoencoderSettings
from models.diffusion.autoencoder.temporal_decoder import TemporalModel
from models.diffusion.autoencoder.tiny import TinyModel
from models.diffusion.model_files import ModelFiles, weight_names
from models.generation import torch_dtype
from models.hub_files import sha256_of

KEY = "autoencoder"
_KL, _TEMPORAL, _TINY, _TAESD = "AutoencoderKL", "AutoencoderKLTemporalDecoder", "AutoencoderTiny", "taesd"
STEM = "diffusion_pytorch_model"
_LARGEST_PATCH = 64
# Names of the parts of attention in older checkpoints.
_OLD_NAMES = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
_OLD = re.compile(r"(?<=\.attentions\.0\.)(query|key|value|proj_attn)(?=\.)")

State = dict[str, Tensor]


@dataclass(frozen=True)
class _Found:
    """``kind``: a class of diffusers, or `_TAESD`; ``weights``: one file, of `_TAESD` encoder and decoder."""

    kind: str
    config: dict[str, Any]
    weights: tuple[Path, ...]
    scaling: float
    shift: float

    @property
    def identity(self) -> str:
        """Kind and hash of weights, scale and shift: of all that latents follow from."""
        hashes = [sha256_of(path) for path in self.weights]
        digest = hashlib.sha256(json.dumps([hashes, self.scaling, self.shift]).encode()).hexdigest()
        return f"{self.kind}@{digest[:12]}"


def load_autoencoder(
    settings: AutoencoderSettings, device: torch.device | str = "cpu", dtype: torch.dtype | None = None
) -> Autoencoder:
    """The autoencoder on ``device``. ``dtype``: None: that of the settings.

    Raises:
        AutoencoderError: weights are damaged, of another model, or incomplete.
        ModelFilesError: its files cannot be had.
    """
    dtype = dtype or torch_dtype(settings.dtype, str(device))
    model: nn.Module
    if settings.model.startswith(PIXELS):
        model, identity, scaling, shift = _pixels(settings), *_pixels_facts(settings)
    else:
        found = _find(settings)
        model, identity, scaling, shift = _read(found), found.identity, found.scaling, found.shift
    return FrozenAutoencoder(
        model,
        scaling=scaling,
        shift=shift,
        identity=identity,
        device=device,
        dtype=dtype,
        frames_per_pass=settings.frames_per_pass,
    )


def autoencoder_identity(settings: AutoencoderSettings) -> str:
    """`Autoencoder.identity` without loading; a file of weights is read where the hub's cache does not tell its hash.

    Raises:
        AutoencoderError, ModelFilesError: as `load_autoencoder`, as far as it shows without loading.
    """
    return _pixels_facts(settings)[0] if settings.model.startswith(PIXELS) else _find(settings).identity


def _pixels(settings: AutoencoderSettings) -> PixelModel:
    text = settings.model.removeprefix(PIXELS)
    if not text.isdecimal() or not 1 <= int(text) <= _LARGEST_PATCH:
        raise AutoencoderError(f"{KEY}.model: {settings.model}: write it as {PIXELS}N, N from 1 to {_LARGEST_PATCH}")
    return PixelModel(int(text))


def _pixels_facts(settings: AutoencoderSettings) -> tuple[str, float, float]:
    scaling, shift = settings.scale or 1.0, settings.shift or 0.0
    told = "" if (scaling, shift) == (1.0, 0.0) else f"@{scaling:g},{shift:g}"
    return f"{PIXELS}{_pixels(settings).factor}{told}", scaling, shift


def _find(settings: AutoencoderSettings) -> _Found:
    pair = taesd_files(settings.model)
    if pair is not None:
        return _Found(_TAESD, {}, pair, settings.scale or 1.0, settings.shift or 0.0)
    files = ModelFiles(settings.model, KEY, settings.revision, settings.cache_dir, settings.download)
    place, path = files.inside(settings.subfolder, "config.json")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        kind = config["_class_name"]
        scaling, shift = float(config.get("scaling_factor") or 1.0), float(config.get("shift_factor") or 0.0)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise AutoencoderError(f"{path}: no config.json of diffusers: {_line(error)}") from error
    if kind not in (_KL, _TEMPORAL, _TINY):
        raise AutoencoderError(f"{path}: {kind} is not known; give {_KL}, {_TEMPORAL}, {_TINY} or TAESD files")
    if kind != _TINY and "scaling_factor" not in config:
        scaling = KLConfig().scaling_factor
    weights = files.first(*(f"{place}{name}" for name in weight_names(STEM, settings.variant)))
    chosen = settings.scale or scaling, shift if settings.shift is None else settings.shift
    return _Found(kind, config, (weights,), *chosen)


def taesd_files(model: str) -> tuple[Path, Path] | None:
    """Encoder and decoder of a TAESD-type autoencoder; None where ``model`` names no such files.

    Raises:
        AutoencoderError: one of the two is missing.
    """
    for suffix in (".safetensors", ".pth"):
        encoder, decoder = (Path(f"{model}_{part}{suffix}").expanduser() for part in ("encoder", "decoder"))
        if encoder.is_file() and decoder.is_file():
            return encoder, decoder
        if encoder.is_file() != decoder.is_file():
            raise AutoencoderError(f"{encoder if decoder.is_file() else decoder} is missing beside the other half")
    return None


def _read(found: _Found) -> nn.Module:
    place = found.weights[0]
    states = [_state(path) for path in found.weights]
    try:
        if found.kind == _TAESD:
            return TinyModel.of(*states)
        if found.kind == _TINY:
            return TinyModel.of(_numbered(states[0], "encoder", 0), _numbered(states[0], "decoder", 1))
        config = KLConfig.model_validate(found.config)
        model: nn.Module = KLModel(config) if found.kind == _KL else TemporalModel(config)
        model.load_state_dict(
            {_OLD.sub(lambda old: _OLD_NAMES[old[1]], key): _flat(key, value) for key, value in states[0].items()}
        )
    except (RuntimeError, ValueError, ValidationError) as error:
        raise AutoencoderError(f"{place}: not the weights of such a {found.kind}: {_line(error)}") from error
    return model


def _state(path: Path) -> State:
    """The tensors of a file, of safetensors or of torch's ``weights_only``."""
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
            raise ValueError("it holds other things than tensors by name")
    except (OSError, ValueError, RuntimeError, EOFError, SafetensorError, UnpicklingError) as error:
        raise AutoencoderError(f"{path}: the weights cannot be read: {_line(error)}") from error
    return state


def _numbered(state: State, part: str, first: int) -> State:
    """diffusers' names of a tiny autoencoder as TAESD's, whose decoder counts the soft limit as layer 0."""
    prefix = f"{part}.layers."
    found = {}
    for key, value in state.items():
        if key.startswith(prefix):
            number, _, name = key.removeprefix(prefix).partition(".")
            found[f"{int(number) + first}.{name}"] = value
    return found


def _flat(key: str, value: Tensor) -> Tensor:
    """Older checkpoints have the attention's matrices as 1 × 1 convolutions."""
    return value[:, :, 0, 0] if ".attentions." in key and value.ndim == 4 else value


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
