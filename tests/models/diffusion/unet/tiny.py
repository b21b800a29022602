"""Small networks and inputs for them."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from models.diffusion.unet.config import UNetConfig
from models.diffusion.unet.model import VideoUNet


def config(**changes: Any) -> UNetConfig:
    """Two levels, one of them with transformers, about 0.6 million weights; ``changes``: other values."""
    values: dict[str, Any] = {
        "in_channels": 4,
        "block_out_channels": (32, 64),
        "cross_attention": (True, False),
        "layers_per_block": 1,
        "transformer_layers_per_block": 1,
        "num_attention_heads": (1, 2),
        "cross_attention_dim": 24,
        "addition_time_embed_dim": 32,
        "projection_class_embeddings_input_dim": 96,
    }
    return UNetConfig.model_validate(values | changes)


def network(settings: UNetConfig, seed: int = 0) -> VideoUNet:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return VideoUNet(settings)


class Inputs(NamedTuple):
    """Arguments of a network's forward pass."""

    x: Tensor
    c_noise: Tensor
    context: Tensor
    micro: Tensor


def inputs(
    settings: UNetConfig,
    batch: int = 2,
    frames: int = 3,
    size: tuple[int, int] = (8, 6),
    tokens: int = 5,
    dtype: torch.dtype = torch.float32,
) -> Inputs:
    generator = torch.Generator().manual_seed(1)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator).to(dtype)

    micro = torch.linspace(0.02, 127, batch * settings.num_micro).view(batch, -1)
    return Inputs(
        normal(batch, frames, settings.in_channels, *size),
        0.7 * normal(batch),
        normal(batch, tokens, settings.cross_attention_dim),
        micro.to(dtype),
    )


def gradients(module: nn.Module, output: Tensor) -> dict[str, Tensor]:
    """Of a fixed random weighting of ``output`` to every parameter; zero where there is none."""
    module.zero_grad(set_to_none=True)
    weights = torch.randn(output.shape, generator=torch.Generator().manual_seed(2))
    (output * weights.to(output)).sum().backward()
    return {
        name: torch.zeros_like(value) if value.grad is None else value.grad.clone()
        for name, value in module.named_parameters()
    }
