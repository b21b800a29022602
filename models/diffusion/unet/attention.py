"""Multi-head attention over a few tokens or many."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_MOST_SEQUENCES = 65_535
"""Sequences in one call: CUDA's attention kernels count them in a grid dimension that ends here."""


class Attention(nn.Module):
    """Scaled dot-product attention (arXiv 1706.03762) of queries to themselves, or to a context."""

    def __init__(self, features: int, heads: int, context_features: int | None = None) -> None:
        super().__init__()
        source = features if context_features is None else context_features
        self.heads = heads
        self.to_q = nn.Linear(features, features, bias=False)
        self.to_k = nn.Linear(source, features, bias=False)
        self.to_v = nn.Linear(source, features, bias=False)
        self.to_out = nn.Sequential(nn.Linear(features, features))

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Args:
            x: (N, T, features).
            context: (N, L, context_features), or None for self-attention.

        Returns:
            (N, T, features).
        """
        source = x if context is None else context
        attended = _attend(self._split(self.to_q(x)), self._split(self.to_k(source)), self._split(self.to_v(source)))
        out: Tensor = self.to_out(attended.transpose(1, 2).flatten(2))
        return out

    def _split(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)


def _attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    if q.shape[0] <= _MOST_SEQUENCES:
        return functional.scaled_dot_product_attention(q, k, v)
    parts = zip(*(torch.split(x, _MOST_SEQUENCES) for x in (q, k, v)), strict=True)
    return torch.cat([functional.scaled_dot_product_attention(*part) for part in parts])
