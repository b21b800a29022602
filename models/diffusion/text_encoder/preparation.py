"""Pictures as CLIP's image tower takes them, from tensors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def clip_pixels(pixels: Tensor, size: tuple[int, int], mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """(N, 3, H, W) in [−1, 1] to (N, 3, \\*size), normalised. The whole picture is squeezed to the size, by bicubic
    scaling that averages where it shrinks: as in Stable Video Diffusion, whose wide pictures CLIP sees whole."""
    small = functional.interpolate(pixels.float(), size=size, mode="bicubic", antialias=True, align_corners=False)
    center = torch.tensor(mean, device=pixels.device).reshape(1, 3, 1, 1)
    spread = torch.tensor(std, device=pixels.device).reshape(1, 3, 1, 1)
    return (small.add(1).div(2) - center) / spread
