"""What every block of the network is told beside its input."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Conditions(NamedTuple):
    """Made once per forward pass.

    Attributes:
        embedding: (B, D) of the noise level and the micro-conditions, after SiLU.
        context: (B, L, context width), of text tokens or of an image.
        positions: sinusoidal frame positions (F, C) by number of channels C.
        frames: F.
        image_only: (B, F) bool, True where a frame is a still image of its own; None: nowhere; True: everywhere.
    """

    embedding: Tensor
    context: Tensor
    positions: dict[int, Tensor]
    frames: int
    image_only: Tensor | bool | None

    @property
    def temporal(self) -> bool:
        """Whether the temporal layers have anything to do."""
        return self.image_only is not True
