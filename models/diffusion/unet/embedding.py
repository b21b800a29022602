"""Numbers as vectors: noise level, micro-conditions, frame positions."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

_LONGEST_PERIOD = 10_000


def sinusoidal(values: Tensor, width: int) -> Tensor:
    """Cosines, then sines, of ``values`` at ``width // 2`` frequencies from 1 down to (almost) 1 / 10,000.

    Source: "Attention is all you need", arXiv 1706.03762, §3.5, in the order of DDPM's successors (cosines first).

    Args:
        values: any shape (…).
        width: an even number.

    Returns:
        float32 (…, width).
    """
    half = width // 2
    exponents = torch.arange(half, device=values.device, dtype=torch.float32) * (-math.log(_LONGEST_PERIOD) / half)
    angles = values.to(torch.float32)[..., None] * exponents.exp()
    return torch.cat((angles.cos(), angles.sin()), dim=-1)


class EmbeddingMlp(nn.Module):
    """Two linear layers with SiLU between them."""

    def __init__(self, in_features: int, hidden: int, out_features: int) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(in_features, hidden)
        self.linear_2 = nn.Linear(hidden, out_features)

    def forward(self, x: Tensor) -> Tensor:
        """(…, in_features) of any floating type -> (…, out_features)."""
        hidden = functional.silu(self.linear_1(x.to(self.linear_1.weight.dtype)))
        out: Tensor = self.linear_2(hidden)
        return out
