"""From settings to encoders: whether of OpenCLIP or of transformers, and where their files are."""

from __future__ import annotations

from pathlib import Path

import torch

from models.diffusion.model_files import ModelFiles
from models.diffusion.text_encoder.base import ImageEncoder, TextEncoder
from models.diffusion.text_encoder.errors import EncoderError
from models.diffusion.text_encoder.openclip import OpenClipImage, OpenClipText
from models.diffusion.text_encoder.settings import CELLS, WORDS, ImageEncoderSettings, TextEncoderSettings
from models.diffusion.text_encoder.transformers_clip import TransformersImage, TransformersText
from models.diffusion.text_encoder.words import Cells, Words
from models.generation import torch_dtype
from models.hub import HubError
from models.hub_files import sha256_of
from models.openclip_source import HUB_PREFIX, OpenClipSource, OpenClipSourceError, find_source
from models.openclip_weights import OpenClipWeights

TEXT, IMAGE = "text_encoder", "image_encoder"
_FOLDER_PREFIX = "local-dir:"
_MOST = 4096
ENCODER_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
TOKENIZER_FILES = ("tokenizer_config.json", "special_tokens_map.json", "tokenizer.json", "vocab.json", "merges.txt")


def load_text_encoder(
    settings: TextEncoderSettings, device: torch.device | str = "cpu", dtype: torch.dtype | None = None
) -> TextEncoder:
    """The text encoder on ``device``. ``dtype``: None: that of the settings.

    Raises:
        EncoderError: it cannot be had or loaded.
        ModelFilesError: a file of it cannot be had.
    """
    if settings.model.startswith(WORDS):
        return Words(_number(settings.model, WORDS, TEXT, even=True))
    dtype = dtype or torch_dtype(settings.dtype, str(device))
    many = settings.texts_per_pass
    if is_openclip(settings):
        source = _openclip(settings, TEXT, with_tokenizer=True)
        return OpenClipText(source, skip=_skip(settings), device=device, dtype=dtype, texts_per_pass=many)
    weights = _weights(settings, TEXT)
    tokenizer = _tokenizer_folder(settings)
    identity = _identity(weights)
    skip = _skip(settings)
    return TransformersText(
        weights.parent, tokenizer, identity=identity, skip=skip, device=device, dtype=dtype, texts_per_pass=many
    )


def load_image_encoder(
    settings: ImageEncoderSettings, device: torch.device | str = "cpu", dtype: torch.dtype | None = None
) -> ImageEncoder:
    """The image encoder on ``device``. ``dtype``: None: that of the settings.

    Raises:
        EncoderError: it cannot be had or loaded.
        ModelFilesError: a file of it cannot be had.
    """
    if settings.model.startswith(CELLS):
        return Cells(_number(settings.model, CELLS, IMAGE))
    dtype = dtype or torch_dtype(settings.dtype, str(device))
    many = settings.images_per_pass
    if is_openclip(settings):
        source = _openclip(settings, IMAGE, with_tokenizer=False)
        return OpenClipImage(source, device=device, dtype=dtype, images_per_pass=many)
    weights = _weights(settings, IMAGE)
    return TransformersImage(
        weights.parent, identity=_identity(weights), device=device, dtype=dtype, images_per_pass=many
    )


def text_identity(settings: TextEncoderSettings) -> str:
    """`TextEncoder.identity` without loading. Raises as `load_text_encoder`."""
    if settings.model.startswith(WORDS):
        return load_text_encoder(settings).identity
    if is_openclip(settings):
        return f"{_openclip(settings, TEXT, with_tokenizer=False).identity()}-{_skip(settings)}"
    return f"{_identity(_weights(settings, TEXT))}-{_skip(settings)}"


def image_identity(settings: ImageEncoderSettings) -> str:
    """`ImageEncoder.identity` without loading. Raises as `load_image_encoder`."""
    if settings.model.startswith(CELLS):
        return load_image_encoder(settings).identity
    if is_openclip(settings):
        return _openclip(settings, IMAGE, with_tokenizer=False).identity()
    return _identity(_weights(settings, IMAGE))


def _number(model: str, prefix: str, key: str, *, even: bool = False) -> int:
    """N of "prefix:N"."""
    text = model.removeprefix(prefix)
    if not text.isdecimal() or not 1 <= int(text) <= _MOST or (even and int(text) % 2):
        kind = "an even number" if even else "a number"
        raise EncoderError(f"{key}.model: {model}: write it as {prefix}N, N {kind} up to {_MOST}")
    return int(text)


def is_openclip(settings: TextEncoderSettings | ImageEncoderSettings) -> bool:
    """Whether it is a model of OpenCLIP, and not one of transformers."""
    return settings.pretrained is not None or settings.model.startswith((HUB_PREFIX, _FOLDER_PREFIX))


def _skip(settings: TextEncoderSettings) -> int:
    """Blocks at the end that are left out."""
    if settings.layer == "auto":
        return 1 if is_openclip(settings) else 0
    return 1 if settings.layer == "penultimate" else 0


def _openclip(
    settings: TextEncoderSettings | ImageEncoderSettings, key: str, *, with_tokenizer: bool
) -> OpenClipSource:
    """The model with its weights on this machine, fetched only with ``settings.download``."""
    name, cache_dir = settings.model, settings.cache_dir
    try:
        if settings.download:
            known = None if name.startswith(HUB_PREFIX) else find_source(name, settings.pretrained, cache_dir)
            OpenClipWeights(name, known, cache_dir, with_tokenizer=with_tokenizer).fetch()
        source = find_source(name, settings.pretrained, cache_dir)
    except (OpenClipSourceError, HubError) as error:
        raise EncoderError(f"{error}; see {key}.model and {key}.pretrained") from error
    if source.weights is None:
        raise EncoderError(
            f"the weights of {name} ({source.origin}) are not on this machine; fetch them with "
            f"--set {key}.download=true, or give a checkpoint with --set {key}.pretrained=/path/to/file"
        )
    return source


def _weights(settings: TextEncoderSettings | ImageEncoderSettings, key: str) -> Path:
    """The weights of transformers, with config.json beside them."""
    files = ModelFiles(settings.model, key, settings.revision, settings.cache_dir, settings.download)
    place, _ = files.inside(settings.subfolder, "config.json")
    return files.first(*(f"{place}{name}" for name in ENCODER_WEIGHTS))


def _tokenizer_folder(settings: TextEncoderSettings) -> Path:
    """The folder of the tokenizer, its files on this machine."""
    files = ModelFiles(settings.model, TEXT, settings.revision, settings.cache_dir, settings.download)
    first, *others = TOKENIZER_FILES
    place, _ = files.inside(settings.tokenizer, first)
    return files.folder([f"{place}{first}"], optional=[f"{place}{name}" for name in others])


def _identity(weights: Path) -> str:
    return f"CLIP@{sha256_of(weights)[:12]}"
