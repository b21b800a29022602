"""The learned factor between a spatial layer and the temporal layer after it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_INITIAL = 0.5


class TimeMixer(nn.Module):
    """How much of a temporal layer's change counts: 1 − α with α = sigmoid(mix_factor), and 0 for still images.

    α · spatial + (1 − α) · temporal, of Video LDM (arXiv 2304.08818, eq. 6), written as spatial + (1 − α) · change:
    one tensor to keep for the backward pass instead of two.
    """

    def __init__(self) -> None:
        super().__init__()
        self.mix_factor = nn.Parameter(torch.full((1,), _INITIAL))

    def forward(self, image_only: Tensor | bool | None) -> Tensor:
        """The weight of the change, (B, F, 1, 1) for a mask (B, F), else (1, 1, 1, 1)."""
        weight = torch.sigmoid(-self.mix_factor).view(1, 1)
        if isinstance(image_only, Tensor):
            weight = torch.where(image_only, torch.zeros_like(weight), weight)
        return weight[:, :, None, None]
