"""Where an OpenCLIP model comes from: its configuration, its image transform, its weights file. Loads no torch.

A model is named as `open_clip.create_model` names it ("ViT-L-14", "hf-hub:org/repo", "local-dir:/folder"), or by the
path of a model configuration in JSON. ``pretrained`` is a tag of OpenCLIP or the path of a checkpoint; it is not used
with "hf-hub:" and "local-dir:", whose folder holds both.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
import types
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from models.hub_files import sha256_of
from models.openclip_transform import OpenClipTransform

_DEFAULTS: Mapping[str, Any] = {
    "mean": (0.48145466, 0.4578275, 0.40821073),
    "std": (0.26862954, 0.26130258, 0.27577711),
    "interpolation": "bicubic",
    "resize_mode": "shortest",
    "fill_color": 0,
}
CHECKPOINTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "open_clip_pytorch_model.bin")
CONFIG = "open_clip_config.json"
HUB_PREFIX = "hf-hub:"
_SAFE_SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")


class OpenClipSourceError(ValueError):
    """The model or its weights cannot be had in the way asked for; the message says what would help."""


@dataclass(frozen=True)
class OpenClipSource:
    """A model that is known, and its weights as far as they are on this machine.

    ``architecture``: what `open_clip.create_model` is called with, after ``config`` was registered where it is not
    None. ``weights``: the checkpoint, None when it must be fetched first. ``hub``: what to fetch, as in OpenCLIP's
    table of pretrained weights ("org/repo/file"). ``quick_gelu``: the weights were trained with that activation.
    ``download_bytes``: about how much there is to fetch (float32 weights), 0 when nothing or not known.
    ``tokenizer``: the repository of the hub that holds the tokenizer; None where OpenCLIP brings it.
    ``cache_dir``: where that is kept; None: the usual place.
    """

    architecture: str
    config: Path | None
    transform: OpenClipTransform
    weights: Path | None
    pretrained: Mapping[str, Any] | None = None
    quick_gelu: bool = False
    download_bytes: int = 0
    tokenizer: str | None = None
    cache_dir: str | None = None

    @property
    def origin(self) -> str:
        """Where missing weights come from, for messages."""
        return str((self.pretrained or {}).get("hf_hub") or (self.pretrained or {}).get("url") or "")

    def identity(self) -> str:
        """The model's name and the beginning of the SHA-256 of its weights, such as "ViT-L-14@3b0f7c0d1e2a".

        Embeddings can be compared where what follows the last "@" is the same. Reads the file where its digest is not
        known.

        Raises:
            OpenClipSourceError: the weights are not on this machine.
        """
        if self.weights is None:
            raise OpenClipSourceError(f"the weights of {self.architecture} are not on this machine")
        return f"{self.architecture.rpartition('/')[2]}@{sha256_of(self.weights)[:12]}"


def find_source(model: str, pretrained: str | None, cache_dir: str | None = None) -> OpenClipSource:
    """Look a model up on this machine, without fetching anything.

    ``cache_dir``: where OpenCLIP keeps what it fetched; None: the Hugging Face cache and ~/.cache/clip.

    Raises:
        OpenClipSourceError: no such model, tag or file, or a checkpoint that is not in a safe format.
    """
    if model.startswith("local-dir:"):
        return _folder_source(model, Path(model.removeprefix("local-dir:")))
    if model.startswith(HUB_PREFIX):
        return _hub_source(model.removeprefix(HUB_PREFIX), cache_dir)
    config = Path(model) if model.endswith(".json") else _package_folder() / "model_configs" / f"{_clean(model)}.json"
    if not config.is_file():
        raise OpenClipSourceError(f"OpenCLIP has no model {model!r}; see open_clip.list_models(){_similar(model)}")
    if pretrained is None:
        raise OpenClipSourceError(f"give a pretrained tag or the path of a checkpoint for {model}")
    architecture = config.stem
    settings = json.loads(config.read_text())
    tag = dict(_tables().get_pretrained_cfg(architecture, pretrained))
    transform = _transform(settings, tag)
    registered = config if model.endswith(".json") else None
    weights: Path | None
    if not tag:
        weights = _checkpoint(Path(pretrained), architecture)
        size = 0
    else:
        weights = _cached(tag, cache_dir)
        size = 0 if weights else 4 * _parameters(settings)
    quick_gelu = bool((tag or settings).get("quick_gelu"))
    return OpenClipSource(
        architecture, registered, transform, weights, tag, quick_gelu, size, _tokenizer(settings), cache_dir
    )


def url_folder(cache_dir: str | None) -> Path:
    """Where weights are kept that come from a plain address instead of the hub; OpenCLIP's own place."""
    return Path(cache_dir) if cache_dir else Path.home() / ".cache" / "clip"


def _folder_source(model: str, folder: Path) -> OpenClipSource:
    config = folder / CONFIG
    if not config.is_file():
        raise OpenClipSourceError(f"{folder} holds no {CONFIG}")
    settings = json.loads(config.read_text())
    checkpoints = [folder / name for name in CHECKPOINTS if (folder / name).is_file()]
    if not checkpoints:
        raise OpenClipSourceError(f"{folder} holds no weights ({' or '.join(CHECKPOINTS)})")
    transform = _transform(settings.get("model_cfg", {}), settings.get("preprocess_cfg", {}))
    return OpenClipSource(model, None, transform, checkpoints[0])


def _hub_source(repository: str, cache_dir: str | None) -> OpenClipSource:
    config = _hub_file(repository, CONFIG, cache_dir)
    weights = next((path for name in CHECKPOINTS if (path := _hub_file(repository, name, cache_dir))), None)
    if config is None or weights is None:
        raise OpenClipSourceError(
            f"{repository} is not in the local cache; fetch it ahead with `curation models pull` or "
            f"`hf download {repository}`, or use a built-in model name with a pretrained tag"
        )
    named = _tokenizer(json.loads(config.read_text()).get("model_cfg", {}))
    found = _folder_source(f"local-dir:{config.parent}", config.parent)
    return replace(found, tokenizer=repository if named else None)


def _cached(tag: Mapping[str, Any], cache_dir: str | None) -> Path | None:
    repository, _, name = str(tag.get("hf_hub") or "").rpartition("/")
    if repository:
        names = (f"{Path(name).stem}.safetensors", name) if name else (CHECKPOINTS[0], CHECKPOINTS[2])
        return next((path for each in names if (path := _hub_file(repository, each, cache_dir))), None)
    file = url_folder(cache_dir) / Path(str(tag.get("url"))).name
    return file if file.is_file() else None


def _hub_file(repository: str, name: str, cache_dir: str | None) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repository, name, cache_dir=cache_dir)
    return Path(found) if isinstance(found, str) else None


def _checkpoint(path: Path, architecture: str) -> Path:
    if not path.is_file():
        tags = ", ".join(_tables().list_pretrained_tags_by_model(architecture)) or "none"
        raise OpenClipSourceError(f"{path}: no such file, and no pretrained tag of {architecture} (tags: {tags})")
    if path.suffix not in _SAFE_SUFFIXES:
        raise OpenClipSourceError(f"{path}: a checkpoint must be one of {', '.join(_SAFE_SUFFIXES)}")
    return path


def _tokenizer(model_config: Mapping[str, Any]) -> str | None:
    return model_config.get("text_cfg", {}).get("hf_tokenizer_name") or None


def _transform(model_config: Mapping[str, Any], overlay: Mapping[str, Any]) -> OpenClipTransform:
    chosen = {key: overlay[key] if overlay.get(key) is not None else default for key, default in _DEFAULTS.items()}
    size = model_config.get("vision_cfg", {}).get("image_size", 224)
    height, width = (size, size) if isinstance(size, int) else size
    chosen["mean"], chosen["std"] = tuple(chosen["mean"]), tuple(chosen["std"])
    return OpenClipTransform(size=(height, width), **chosen)


def _parameters(model_config: Mapping[str, Any]) -> int:
    """About how many weights the transformers of a CLIP hold (12 · layers · width² each, and the token table)."""
    total = 0
    for tower in (model_config.get("vision_cfg", {}), model_config.get("text_cfg", {})):
        layers, width = tower.get("layers"), tower.get("width")
        if isinstance(layers, int) and isinstance(width, int):
            total += 12 * layers * width**2 + tower.get("vocab_size", 0) * width
    return total


def _clean(model: str) -> str:
    return model.replace("/", "-")


def _similar(model: str) -> str:
    from difflib import get_close_matches

    names = [path.stem for path in (_package_folder() / "model_configs").glob("*.json")]
    close = get_close_matches(model, names, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _package_folder() -> Path:
    spec = importlib.util.find_spec("open_clip")
    if spec is None or spec.origin is None:
        raise OpenClipSourceError("open_clip is not installed: pip install open_clip_torch")
    return Path(spec.origin).parent


def _tables() -> types.ModuleType:
    """OpenCLIP's module of pretrained weights, taken out of its package, whose ``__init__`` imports torch."""
    if "open_clip.pretrained" in sys.modules:
        return sys.modules["open_clip.pretrained"]
    name = "_open_clip_tables"
    if f"{name}.pretrained" not in sys.modules:
        package = types.ModuleType(name)
        package.__path__ = [str(_package_folder())]
        sys.modules[name] = package
        blocked = "safetensors.torch"
        before = sys.modules.get(blocked)
        sys.modules[blocked] = None  # type: ignore[assignment]  # makes its import fail, which the module allows for
        try:
            importlib.import_module(f"{name}.pretrained")
        finally:
            del sys.modules[blocked]
            if before is not None:
                sys.modules[blocked] = before
    return sys.modules[f"{name}.pretrained"]
