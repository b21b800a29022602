"""Renders the frames of a pseudo-video."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image

from curation.video.types import Deadline
from stages.stills.motion import Motion


def render(image: Image.Image, motion: Motion, deadline: Deadline) -> Iterator[npt.NDArray[np.uint8]]:
    """The frames, RGB uint8 [h, w, 3]: each box of the motion resampled to the size of the frames.

    Windows have fractional edges and are resampled where they are (Pillow's bicubic filter, widened where the image is
    reduced), so that nothing moves in steps of pixels.

    Raises:
        ItemTimeoutError: the deadline passed.
    """
    picture, boxes = _reduced(image, motion)
    for box in boxes:
        deadline.check()
        left, top, right, bottom = (float(edge) for edge in box)
        frame = picture.resize(motion.size, Image.Resampling.BICUBIC, box=(left, top, right, bottom))
        yield np.asarray(frame)


def _reduced(image: Image.Image, motion: Motion) -> tuple[Image.Image, npt.NDArray[np.float64]]:
    """The image at the size at which its closest window has the size of the frames, and the boxes in its pixels."""
    closest = float(np.min(motion.boxes[:, 2] - motion.boxes[:, 0]))
    scale = motion.size[0] / closest
    if scale >= 0.5:
        return image, motion.boxes
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    factors = np.array([size[0] / image.width, size[1] / image.height] * 2)
    bounds = np.array([*size, *size], np.float64)
    return image.resize(size, Image.Resampling.LANCZOS), np.clip(motion.boxes * factors, 0, bounds)
