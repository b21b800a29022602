"""A CLIP of a few thousand weights, in the files and formats of real ones."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MODEL_CONFIG: dict[str, Any] = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "head_width": 32, "patch_size": 8},
    "text_cfg": {"context_length": 8, "vocab_size": 64, "width": 32, "heads": 2, "layers": 1},
}
PREPROCESSING = {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4], "interpolation": "bilinear", "resize_mode": "squash"}


@dataclass(frozen=True)
class TinyClip:
    """The same weights as a model configuration with two checkpoints, and as a folder of the hub's layout."""

    config: Path
    checkpoint: Path
    safetensors: Path
    folder: Path


def create_tiny_clip(
    directory: Path, *, name: str = "tiny-clip", seed: int = 0, tokenizer: str | None = None
) -> TinyClip:
    """Write a randomly initialised OpenCLIP model below ``directory``. ``tokenizer``: the hub's repository of it."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    config = directory / f"{name}.json"
    text = {**MODEL_CONFIG["text_cfg"], **({"hf_tokenizer_name": tokenizer} if tokenizer else {})}
    described = {**MODEL_CONFIG, "text_cfg": text}
    config.write_text(json.dumps(described))
    open_clip.add_model_config(config)
    torch.manual_seed(seed)
    model = open_clip.create_model(name)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2).add_(0.02 * torch.randn_like(parameter))
    state = model.state_dict()
    checkpoint, safetensors = directory / f"{name}.pt", directory / f"{name}.safetensors"
    torch.save({"epoch": 1, "name": name, "state_dict": state}, checkpoint)
    save_file(state, safetensors)
    folder = directory / f"{name}-hub"
    folder.mkdir()
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": described, "preprocess_cfg": PREPROCESSING}))
    save_file(state, folder / "open_clip_model.safetensors")
    return TinyClip(config, checkpoint, safetensors, folder)
