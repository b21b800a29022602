"""A training's output folder as the trainer writes it, of a network of a few hundred thousand weights."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from models.diffusion.conditioning import Conditioning
from models.diffusion.motion_buckets import MotionBuckets
from models.diffusion.recipe import Recipe
from models.diffusion.train.folder import CONDITIONING, EMA, RECIPE, UNET, WEIGHTS_NAME, begin, publish, writing
from models.diffusion.unet.model import VideoUNet

WIDTH = 16
TOKENS = 16


def write_text_encoder(folder: Path) -> Path:
    """A text tower of CLIP and its tokenizer, of single letters, as in the folders of Stable Diffusion."""
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    letters = [chr(code) for code in range(33, 127)]
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    tokenizer = CLIPTokenizer(vocab={word: number for number, word in enumerate(words)}, merges=[])
    tokenizer.save_pretrained(folder / "tokenizer")
    torch.manual_seed(1)
    config = CLIPTextConfig(
        vocab_size=len(words), hidden_size=WIDTH, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=TOKENS, bos_token_id=len(words) - 2, eos_token_id=len(words) - 1,
    )  # fmt: skip
    CLIPTextModel(config).save_pretrained(folder / "text_encoder")
    return folder


def write_image_encoder(folder: Path) -> Path:
    """An image tower of CLIP as in the folders of Stable Video Diffusion."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    torch.manual_seed(2)
    config = CLIPVisionConfig(
        hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, image_size=16, patch_size=8,
        projection_dim=WIDTH,
    )  # fmt: skip
    CLIPVisionModelWithProjection(config).save_pretrained(folder / "image_encoder")
    return folder


def recipe_of(encoders: Path, **different: Any) -> Recipe:
    """Eight frames of 32 × 48 pixels at 8 per second, from text; pixels in patches of 4 as latents."""
    values: dict[str, Any] = {
        "unet": {
            "block_out_channels": [64], "cross_attention": [True], "layers_per_block": 1,
            "transformer_layers_per_block": 1, "num_attention_heads": 2, "addition_time_embed_dim": 16,
        },
        "autoencoder": {"model": "pixels:4"},
        "text_encoder": {"model": str(encoders), "pretrained": None},
        "image_encoder": {"model": str(encoders), "pretrained": None},
        "conditioning": {"motion_buckets": 8},
        "noise": {"sigma_data": 0.5},
        "data": {"frames": 8, "fps": 8, "sizes": [[32, 48]]},
        "training": {"steps": 10, "batch_size": 2},
        "sampling": {"steps": 4, "sigma_max": 80, "guidance": "1.0:2.5"},
    }  # fmt: skip
    return Recipe.model_validate(values | different)


@dataclass(frozen=True)
class TinyTrained:
    """``raw`` and ``averages``: the weights of the newest checkpoint."""

    output: Path
    recipe: Recipe
    raw: Mapping[str, Tensor]
    averages: Mapping[str, Mapping[str, Tensor]]

    def checkpoint(self, samples: int) -> Path:
        """The folder of a checkpoint."""
        return self.output / "checkpoints" / f"{samples:012d}"


def write_training(output: Path, recipe: Recipe, *, seed: int = 0, samples: tuple[int, ...] = (10, 20)) -> TinyTrained:
    """Write checkpoints with random weights, other ones in each file."""
    edges = tuple(float(edge) for edge in range(1, recipe.conditioning.motion_buckets))
    buckets = MotionBuckets(edges) if recipe.conditioning.motion_bucket else None
    conditioning = Conditioning(recipe.conditioning, buckets)
    channels = 48
    recipe = recipe.model_copy(update={"unet": recipe.unet_config(channels, WIDTH)})
    torch.manual_seed(seed)
    raw: dict[str, Tensor] = {}
    averages: dict[str, dict[str, Tensor]] = {}
    for number in samples:
        network = VideoUNet(recipe.unet)
        raw = dict(network.state_dict())
        averages = {
            profile.name: {name: value + 0.02 * torch.randn_like(value) for name, value in raw.items()}
            for profile in recipe.ema.profiles()
        }
        aside = writing(output, number)
        begin(aside)
        network.save_pretrained(aside / UNET)
        (aside / EMA).mkdir()
        for name, average in averages.items():
            save_file(average, aside / EMA / f"{name}.safetensors")
        conditioning.save(aside / CONDITIONING)
        recipe.save(aside / RECIPE)
        hashes = {
            file.relative_to(aside).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in aside.rglob("*.safetensors")
        }
        assert f"{UNET}/{WEIGHTS_NAME}" in hashes
        told = {"samples": number, "steps": number // 2, "sha256": hashes, "data": {"manifest_sha256": ["abc"]}}
        publish(aside, output, told)
    return TinyTrained(output, recipe, raw, averages)
