"""Loading an OpenCLIP model whose source is known. Loads no torch when imported."""

from __future__ import annotations

from typing import Any

from models.generation import Dtype, torch_dtype
from models.openclip_source import OpenClipSource, OpenClipSourceError


def pure_precision(dtype: Dtype, device: str) -> str:
    """OpenCLIP's name for a model all of whose weights are of ``dtype``. Its mixed precisions do not run with CoCa."""
    names = {"float32": "fp32", "bfloat16": "pure_bf16", "float16": "pure_fp16"}
    return names[str(torch_dtype(dtype, device)).removeprefix("torch.")]


def load_model(source: OpenClipSource, *, precision: str, device: str) -> Any:
    """The whole model in evaluation mode.

    Weights are read from safetensors or with ``torch.load(weights_only=True)``. The QuickGELU activation is used where
    the weights were trained with it (OpenCLIP itself only warns).
    ``precision``: OpenCLIP's name of it.
    Source: OpenCLIP, https://github.com/mlfoundations/open_clip.

    Raises:
        OpenClipSourceError: the weights are not on this machine, do not fit the model or cannot be read safely.
    """
    import open_clip

    weights = source.weights
    if weights is None:
        raise OpenClipSourceError(f"the weights of {source.architecture} are not on this machine")
    if source.config is not None:
        open_clip.add_model_config(source.config)
    try:
        model = open_clip.create_model(
            source.architecture,
            None if source.architecture.startswith("local-dir:") else str(weights),
            precision=precision,
            device=device,
            force_quick_gelu=source.quick_gelu,
            pretrained_text=False,
            require_pretrained=True,
            weights_only=True,
        )
    except Exception as error:
        message = " ".join(str(error).split())
        raise OpenClipSourceError(f"{weights}: cannot be loaded as {source.architecture}: {message}") from error
    return model.eval()


def load_tokenizer(source: OpenClipSource) -> Any:
    """OpenCLIP's tokenizer of the model: texts to int64 [n, context length], cut and padded as the model was trained.

    Raises:
        OpenClipSourceError: its files cannot be had.
    """
    import open_clip

    if source.config is not None:
        open_clip.add_model_config(source.config)
    try:
        return open_clip.get_tokenizer(source.architecture, cache_dir=source.cache_dir)
    except Exception as error:
        message = " ".join(str(error).split())
        raise OpenClipSourceError(f"{source.architecture}: its tokenizer cannot be loaded: {message}") from error
