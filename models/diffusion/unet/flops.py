"""How much arithmetic a forward pass is."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from models.diffusion.unet.config import UNetConfig
from models.diffusion.unet.model import VideoUNet


def flops(config: UNetConfig, frames: int, height: int, width: int, context_length: int = 77, batch: int = 1) -> int:
    """Floating-point operations of one forward pass, counted without memory or a device: a multiply-add is two.

    A training step is three times that: the gradients to weights and to activations take as much each. Model FLOPs
    utilisation (PaLM, arXiv 2204.02311, App. B) is 3 · flops / (seconds of a step · peak of the device); what is
    computed again because of activation checkpointing does not count.

    Args:
        frames, height, width: of the latents.
        context_length: tokens of the context.
    """
    config = config.model_copy(update={"activation_checkpointing": "none"})
    with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
        VideoUNet(config)(
            torch.empty(batch, frames, config.in_channels, height, width),
            torch.empty(batch),
            torch.empty(batch, context_length, config.cross_attention_dim),
            torch.empty(batch, config.num_micro),
        )
    return int(counter.get_total_flops())
