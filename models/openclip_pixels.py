"""Pictures as the image tower of an OpenCLIP model takes them. Loads no torch when imported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from models.openclip_transform import OpenClipTransform

if TYPE_CHECKING:
    import torch


class OpenClipPixels:
    """Normalises pictures by the mean and the standard deviation that the model was trained with."""

    def __init__(self, transform: OpenClipTransform, *, device: str, dtype: torch.dtype) -> None:
        import torch

        self._device = device
        self._dtype = dtype
        self._mean = torch.tensor(transform.mean, device=device).view(1, 3, 1, 1)
        self._std = torch.tensor(transform.std, device=device).view(1, 3, 1, 1)

    def __call__(self, images: npt.NDArray[np.uint8] | Sequence[npt.NDArray[np.uint8]]) -> torch.Tensor:
        """[n, 3, h, w] on the device. ``images``: RGB uint8 [n, h, w, 3], at the model's size (`OpenClipTransform`)."""
        import torch

        pixels = torch.tensor(np.asarray(images), device=self._device).permute(0, 3, 1, 2).to(torch.float32) / 255
        return ((pixels - self._mean) / self._std).to(self._dtype)
