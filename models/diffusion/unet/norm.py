"""Normalisation that keeps the type of its input, and what is fused with it.

Under autocast torch normalises in float32 and hands float32 on, which doubles the memory that these activations take.
The kernels compute their statistics in float32 whatever the input is, so nothing is lost by not doing so.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.diffusion.unet.config import GROUPS


class GroupNorm(nn.GroupNorm):
    """Group normalisation in 32 groups (arXiv 1803.08494), in the type of the input."""

    def __init__(self, channels: int, eps: float) -> None:
        super().__init__(GROUPS, channels, eps)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, …) -> the same shape and memory layout."""
        with _without_autocast(x):
            return functional.group_norm(x, GROUPS, self.weight.to(x.dtype), self.bias.to(x.dtype), self.eps)


class GroupNormSilu(GroupNorm):
    """Group normalisation, then SiLU; only the input is kept for the backward pass, not what lies between the two."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, …) -> the same shape and memory layout."""
        if torch.compiler.is_compiling():  # a compiler that fuses both keeps no more
            return functional.silu(super().forward(x))
        with _without_autocast(x):
            out: Tensor = _NormSilu.apply(x, self.weight.to(x.dtype), self.bias.to(x.dtype), self.eps)
            return out


class LayerNorm(nn.LayerNorm):
    """Layer normalisation (arXiv 1607.06450) in the type of the input."""

    def __init__(self, features: int) -> None:
        super().__init__(features)

    def forward(self, x: Tensor) -> Tensor:
        """(…, features) -> the same shape."""
        with _without_autocast(x):
            return functional.layer_norm(
                x, self.normalized_shape, self.weight.to(x.dtype), self.bias.to(x.dtype), self.eps
            )


def _without_autocast(x: Tensor) -> AbstractContextManager[object]:
    return nullcontext() if x.is_meta else torch.autocast(x.device.type, enabled=False)


class _NormSilu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
        normed, mean, rstd = _group_norm(x, weight, bias, eps)
        ctx.save_for_backward(x, weight, bias, mean, rstd)
        ctx.eps = eps
        return functional.silu(normed, inplace=True)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias, mean, rstd = ctx.saved_tensors
        normed, _, _ = _group_norm(x, weight, bias, ctx.eps)
        gradient = torch.ops.aten.silu_backward(gradients[0], normed)
        wanted = list(ctx.needs_input_grad[:3])
        of_x, of_weight, of_bias = torch.ops.aten.native_group_norm_backward(
            gradient, x, mean, rstd, weight, x.shape[0], x.shape[1], x.shape[2:].numel(), GROUPS, wanted
        )
        return of_x, of_weight, of_bias, None


def _group_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    pixels = x.shape[2:].numel()
    return torch.native_group_norm(x, weight, bias, x.shape[0], x.shape[1], pixels, GROUPS, eps)
