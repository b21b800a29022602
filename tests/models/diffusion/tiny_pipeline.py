"""The folders of Stable Diffusion and Stable Video Diffusion, with models of a few thousand weights in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from models.diffusion.autoencoder.kl import KLConfig, KLModel
from tests.models.tiny_tokenizers import livelier

START, END = "<|startoftext|>", "<|endoftext|>"
WIDTH = 32


def write_encoders(folder: Path) -> None:
    """text_encoder/ of `WIDTH`, tokenizer/ and image_encoder/."""
    from transformers import (
        CLIPTextConfig,
        CLIPTextModel,
        CLIPTokenizer,
        CLIPVisionConfig,
        CLIPVisionModelWithProjection,
    )

    torch.manual_seed(0)
    letters = "abcdefghijklmnopqrstuvwxyz,"
    vocabulary = [START, END, *letters, *(f"{letter}</w>" for letter in letters)]
    tokens = {token: number for number, token in enumerate(vocabulary)}
    (folder / "files").mkdir()
    (folder / "files/vocab.json").write_text(json.dumps(tokens))
    (folder / "files/merges.txt").write_text("#version: 0.2\n")
    tokenizer = CLIPTokenizer.from_pretrained(folder / "files", model_max_length=16)
    tokenizer.save_pretrained(folder / "tokenizer")
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokens), hidden_size=WIDTH, intermediate_size=48, num_hidden_layers=3, num_attention_heads=2,
            max_position_embeddings=16, projection_dim=24, bos_token_id=0, eos_token_id=1, pad_token_id=1,
        )
    )  # fmt: skip
    image = CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2, image_size=32,
            patch_size=8, projection_dim=24,
        )
    )  # fmt: skip
    for name, model in (("text_encoder", text), ("image_encoder", image)):
        livelier(model, seed=1)
        model.save_pretrained(folder / name)


def save_autoencoder(folder: Path, seed: int) -> dict[str, Any]:
    """A random `AutoencoderKL` of four channels, as a section of a recipe."""
    torch.manual_seed(seed)
    config = KLConfig(block_out_channels=(32, 32), layers_per_block=1)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"_class_name": "AutoencoderKL", **config.model_dump()}))
    save_file(KLModel(config).state_dict(), folder / "diffusion_pytorch_model.safetensors")
    return {"model": str(folder)}


def files_of(folder: Path) -> dict[str, bytes]:
    """All files below ``folder``, by their path in it."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
