"""An autoencoder without weights: pixels become channels and back, without loss."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class PixelModel(nn.Module):
    """(N, 3, H, W) and (N, 3 · factor², H / factor, W / factor): diffusion in pixels, for which patches are channels.

    Source: E. Hoogeboom et al., simple diffusion, arXiv 2301.11093, section 3.2.
    """

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = factor
        self.channels = 3 * factor**2

    def encode(self, pixels: Tensor) -> Tensor:
        """``pixels``: in [−1, 1]."""
        return functional.pixel_unshuffle(pixels, self.factor)

    def decode(self, latents: Tensor, num_frames: int) -> Tensor:
        """Each frame by itself: ``num_frames`` decides nothing."""
        return functional.pixel_shuffle(latents, self.factor)
