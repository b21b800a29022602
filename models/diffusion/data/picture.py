"""A decoded frame as a training picture: upright, square pixels, scaled to cover the size asked for, and cut to it."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

import av
import numpy as np
import numpy.typing as npt
from av.sidedata.sidedata import SideData
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter

from models.diffusion.data.settings import Size

Picture = npt.NDArray[np.uint8]

_UNSPECIFIED_COLORSPACE = 2
_HD_LINES = 720
_MAX_ASPECT = 16
_EXACT = Interpolation.ACCURATE_RND | Interpolation.BITEXACT | Interpolation.FULL_CHR_H_INT
_SHRINK, _ENLARGE = Interpolation.AREA | _EXACT, Interpolation.BICUBIC | _EXACT


@dataclass(frozen=True)
class Cut:
    """Where a picture was cut: ``top`` and ``left`` in pixels of the scaled picture; ``height`` and ``width`` of the
    clip before."""

    top: int
    left: int
    height: int
    width: int


class PictureMaker:
    """Makes pictures of ``size`` of one clip's frames; it keeps FFmpeg's scaler from frame to frame."""

    def __init__(
        self, size: Size, crop: tuple[float, float], sample_aspect_ratio: Fraction | None, *, is_mirrored: bool = False
    ) -> None:
        """``crop``: see `Draw`; ``sample_aspect_ratio``: width by height of a pixel, None or beyond 1:16 … 16:1: 1."""
        self._size = size
        self._crop = crop
        usable = sample_aspect_ratio and Fraction(1, _MAX_ASPECT) <= sample_aspect_ratio <= _MAX_ASPECT
        self._aspect = sample_aspect_ratio if usable and sample_aspect_ratio is not None else Fraction(1)
        self._is_mirrored = is_mirrored
        self._turn: tuple[bool, bool, bool] | None = None
        self._scaler = VideoReformatter()
        self.cut: Cut | None = None

    def __call__(self, frame: av.VideoFrame) -> Picture:
        """uint8 RGB [h, w, 3]; a view of a larger picture."""
        if self._turn is None:
            self._turn = _orientation(frame)
        transposed, mirrored_x, mirrored_y = self._turn
        width, height = Fraction(frame.width) * self._aspect, Fraction(frame.height)
        wanted = self._size[::-1] if transposed else self._size
        scale = max(wanted[0] / height, wanted[1] / width)
        # Rounding may not leave a pixel too few.
        scaled = max(wanted[0], round(height * scale)), max(wanted[1], round(width * scale))
        colorspace = None
        if frame.colorspace == _UNSPECIFIED_COLORSPACE:
            colorspace = Colorspace.ITU709 if frame.height >= _HD_LINES else Colorspace.ITU601
        small = self._scaler.reformat(
            frame,
            width=scaled[1],
            height=scaled[0],
            format="rgb24",
            src_colorspace=colorspace,
            interpolation=_SHRINK if scale <= 1 else _ENLARGE,
            threads=1,
        )
        picture: Picture = np.asarray(small.to_ndarray(), np.uint8)
        if transposed:
            picture = picture.transpose(1, 0, 2)
            width, height = height, width
        if mirrored_x:
            picture = picture[:, ::-1]
        if mirrored_y:
            picture = picture[::-1]
        top, left = (
            min(int(share * (there - kept + 1)), there - kept) if share != 0.5 else (there - kept) // 2
            for share, there, kept in zip(self._crop, picture.shape[:2], self._size, strict=True)
        )
        self.cut = Cut(top, left, round(height), round(width))
        picture = picture[top : top + self._size[0], left : left + self._size[1]]
        return picture[:, ::-1] if self._is_mirrored else picture


def _orientation(frame: av.VideoFrame) -> tuple[bool, bool, bool]:
    """Whether the coded picture is to be transposed, then mirrored left to right, then top to bottom."""
    matrix = cast("SideData | None", frame.side_data.get("DISPLAYMATRIX"))
    if matrix is None:
        return False, False, False
    x_from_x, y_from_x, _, x_from_y, y_from_y = struct.unpack("=5i", bytes(matrix)[:20])
    transposed = abs(x_from_x) < abs(y_from_x)
    if transposed:
        x_from_x, y_from_y = x_from_y, y_from_x
    return transposed, x_from_x < 0, y_from_y < 0
