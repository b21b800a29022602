"""OpenCLIP's resizing and cropping of an image, without torch.

The same operations as `open_clip.image_transform` for inference up to the conversion to a tensor, so that a frame can
be shrunk where it is decoded and travel at the size that the model sees.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps


@dataclass(frozen=True)
class OpenClipTransform:
    """How OpenCLIP prepares an image: ``size`` (height, width) in pixels, and `open_clip.PreprocessCfg`'s other keys.

    Calling it does the geometric part: uint8 [h, w, 3] (RGB) → uint8 [size[0], size[1], 3].
    """

    size: tuple[int, int]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: Literal["bicubic", "bilinear"] = "bicubic"
    resize_mode: Literal["shortest", "longest", "squash"] = "shortest"
    fill_color: int = 0

    def __call__(self, frame: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Resize and crop one RGB image."""
        image = Image.fromarray(frame)
        height, width = self._resized(image.height, image.width)
        if (width, height) != image.size:
            image = image.resize((width, height), self._resample())
        return np.asarray(self._center_crop(image))

    def _resized(self, height: int, width: int) -> tuple[int, int]:
        if self.resize_mode == "squash":
            return self.size
        if self.resize_mode == "shortest" and self.size[0] == self.size[1]:
            short, long = min(height, width), max(height, width)
            other = int(self.size[0] * long / short)
            return (self.size[0], other) if height <= width else (other, self.size[0])
        ratios = height / self.size[0], width / self.size[1]
        ratio = max(ratios) if self.resize_mode == "longest" else min(ratios)
        return round(height / ratio), round(width / ratio)

    def _resample(self) -> Image.Resampling:
        fits_shortest_of_rectangle = self.resize_mode == "shortest" and self.size[0] != self.size[1]
        if self.interpolation == "bilinear" and not fits_shortest_of_rectangle:
            return Image.Resampling.BILINEAR
        return Image.Resampling.BICUBIC

    def _center_crop(self, image: Image.Image) -> Image.Image:
        height, width = self.size
        missing_x, missing_y = max(0, width - image.width), max(0, height - image.height)
        if missing_x or missing_y:
            border = (missing_x // 2, missing_y // 2, (missing_x + 1) // 2, (missing_y + 1) // 2)
            fill = self.fill_color if self.resize_mode == "longest" else 0
            image = ImageOps.expand(image, border, (fill, fill, fill))
        left, top = round((image.width - width) / 2), round((image.height - height) / 2)
        return image.crop((left, top, left + width, top + height))
