"""The frames of one sample, as an array."""

from __future__ import annotations

from fractions import Fraction
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from models.diffusion.data.errors import ClipError
from models.diffusion.data.frames import frames_at, open_clip
from models.diffusion.data.picture import Cut, PictureMaker
from models.diffusion.data.settings import Size

_FINEST = 1_000_000


def read_pixels(
    media: BinaryIO,
    *,
    fps: float,
    clip_fps: float,
    start: int,
    frames: int,
    size: Size,
    crop: tuple[float, float] = (0.5, 0.5),
    is_mirrored: bool = False,
) -> tuple[npt.NDArray[np.uint8], Cut]:
    """What the clip shows at the times (start + k) / fps, k = 0 … frames − 1: uint8 RGB [frames, height, width, 3].

    Of a clip with a constant rate these are the frames nearest to the times; of one with a varying rate those that are
    shown half a mean frame later. ``crop``: see `Draw`.

    Raises:
        ClipError: the clip cannot be read.
    """
    rate = Fraction(fps).limit_denominator(_FINEST)
    period = 1 / Fraction(clip_fps).limit_denominator(_FINEST)
    times = [(start + number) / rate + period / 2 for number in range(frames)]
    with open_clip(media) as (container, stream):
        make = PictureMaker(size, crop, stream.sample_aspect_ratio, is_mirrored=is_mirrored)
        pictures = frames_at(container, stream, times, make, period)
    if make.cut is None or any(picture.shape != (*size, 3) for picture in pictures):
        raise ClipError("the picture size changes within the clip")
    return np.stack(pictures), make.cut
