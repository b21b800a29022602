"""A CoCa of narrow layers and CLIP's whole vocabulary, in the files and formats of real ones."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

IMAGE_SIZE = 32
END = 49407
TEXT = {"context_length": 40, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 2}
MODEL_CONFIG: dict[str, Any] = {
    "embed_dim": 16,
    "vision_cfg": {
        "image_size": IMAGE_SIZE,
        "layers": 2,
        "width": 32,
        "head_width": 16,
        "patch_size": 8,
        "attentional_pool": True,
        "attn_pooler_heads": 2,
        "output_tokens": True,
    },
    "text_cfg": TEXT | {"embed_cls": True, "output_tokens": True},
    "multimodal_cfg": TEXT | {"attn_pooler_heads": 2},
    "custom_text": True,
}


@dataclass(frozen=True)
class TinyCoca:
    """The same weights as a model configuration with a checkpoint, and as a folder of the hub's layout."""

    name: str
    config: Path
    checkpoint: Path
    folder: Path


def create_tiny_coca(directory: Path, *, name: str = "coca_tiny", seed: int = 3) -> TinyCoca:
    """Write an OpenCLIP CoCa below ``directory``, with weights from numpy, so that they are the same everywhere.

    They are large enough for texts to depend on the picture and to end at different lengths.
    """
    import open_clip
    import torch
    from safetensors.torch import save_file

    config = directory / f"{name}.json"
    config.write_text(json.dumps(MODEL_CONFIG))
    open_clip.add_model_config(config)
    model = open_clip.create_model(name)
    random = np.random.default_rng(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            spread = 3 * parameter.shape[0] ** -0.5 if parameter.ndim > 1 else 0.3
            noise = torch.from_numpy(random.standard_normal(tuple(parameter.shape)).astype(np.float32))
            parameter.copy_(spread * noise + (1 if parameter.ndim == 1 else 0))
        model.text_decoder.text_projection[:, END] *= -4.5
    state = model.state_dict()
    checkpoint = directory / f"{name}.pt"
    torch.save({"epoch": 1, "name": name, "state_dict": state}, checkpoint)
    folder = directory / f"{name}-hub"
    folder.mkdir()
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": MODEL_CONFIG, "preprocess_cfg": {}}))
    save_file(state, folder / "open_clip_model.safetensors")
    return TinyCoca(name, config, checkpoint, folder)


def pictures(number: int) -> list[npt.NDArray[np.uint8]]:
    """Coloured squares at the model's size, RGB uint8 [32, 32, 3]."""
    random = np.random.default_rng(1)
    small = random.integers(0, 256, (number, 4, 4, 3)).astype(np.uint8)
    return list(small.repeat(8, axis=1).repeat(8, axis=2))
