"""Tiny model repositories in the real file formats."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
from safetensors.numpy import save


def tensors(seed: int, size: int = 64) -> bytes:
    """A safetensors file."""
    return save({f"weight_{seed}": np.random.default_rng(seed).standard_normal(size).astype(np.float32)})


def small_files() -> dict[str, bytes]:
    """Configuration and tokenizer, as beside any weights."""
    return {
        "config.json": json.dumps({"model_type": "tiny"}).encode(),
        "tokenizer.json": b'{"version": "1.0"}',
        "merges.txt": b"a b\n",
        "chat_template.jinja": b"{{ messages }}",
        "README.md": b"# tiny",
    }


def single(size: int = 64) -> dict[str, bytes]:
    """Weights in one file, beside files of other formats that are not needed."""
    extra = {"pytorch_model.bin": b"pickle", "onnx/model.onnx": b"onnx", "consolidated.safetensors": tensors(9)}
    return {**small_files(), **extra, "model.safetensors": tensors(0, size)}


def sharded() -> dict[str, bytes]:
    """Weights in two files and their index."""
    names = [f"model-{number:05}-of-00002.safetensors" for number in (1, 2)]
    index = {"metadata": {}, "weight_map": {f"weight_{number}": name for number, name in enumerate(names)}}
    files = {name: tensors(number) for number, name in enumerate(names)}
    return {**small_files(), **files, "model.safetensors.index.json": json.dumps(index).encode()}


def needed(files: Mapping[str, bytes]) -> set[str]:
    """What of `single` or `sharded` a model is loaded from."""
    unwanted = {"README.md", "pytorch_model.bin", "onnx/model.onnx", "consolidated.safetensors"}
    return set(files) - unwanted
