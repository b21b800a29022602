"""The feed-forward layer of a transformer block."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

_EXPANSION = 4


class FeedForward(nn.Module):
    """A gated linear unit with GELU, four times as wide inside, and a linear layer back (GEGLU, arXiv 2002.05202)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        inner = _EXPANSION * features
        # Checkpoints have dropout in the middle place; none was ever trained with it.
        self.net = nn.Sequential(_Geglu(features, inner), nn.Identity(), nn.Linear(inner, features))

    def forward(self, x: Tensor) -> Tensor:
        """(…, features) -> the same shape."""
        out: Tensor = self.net(x)
        return out


class _Geglu(nn.Module):
    def __init__(self, features: int, inner: int) -> None:
        super().__init__()
        self.proj = nn.Linear(features, 2 * inner)

    def forward(self, x: Tensor) -> Tensor:
        halves: Tensor = self.proj(x)
        if torch.compiler.is_compiling():  # a compiler that fuses all of it keeps no more
            return _gated(halves)
        out: Tensor = _Gate.apply(halves)
        return out


def _gated(halves: Tensor) -> Tensor:
    value, gate = halves.chunk(2, dim=-1)
    return value * functional.gelu(gate)


class _Gate(torch.autograd.Function):
    """``a · gelu(b)`` of the two halves of the last dimension; keeps its input only, and not ``gelu(b)`` too."""

    @staticmethod
    def forward(ctx: Any, halves: Tensor) -> Tensor:
        ctx.save_for_backward(halves)
        return _gated(halves)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (halves,) = ctx.saved_tensors
        gradient = gradients[0]
        value, gate = halves.chunk(2, dim=-1)
        of_gate = torch.ops.aten.gelu_backward(gradient * value, gate)
        return torch.cat((gradient * functional.gelu(gate), of_gate), dim=-1)
