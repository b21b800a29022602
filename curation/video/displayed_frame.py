"""A decoded frame as a viewer sees it: upright, with square pixels, as an array of the size asked for."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import Literal, cast

import av
import numpy as np
import numpy.typing as npt
from av.sidedata.sidedata import SideData
from av.video.reformatter import Colorspace, Interpolation

_UNSPECIFIED_COLORSPACE = 2
_SCALING = (
    Interpolation.AREA
    | Interpolation.ACCURATE_RND
    | Interpolation.BITEXACT
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
)
_MAX_ASPECT = 16


def displayed_array(
    frame: av.VideoFrame,
    *,
    pixel_format: Literal["rgb24", "gray"] = "rgb24",
    short_side: int | None = None,
    long_side: int | None = None,
    sample_aspect_ratio: Fraction | None = None,
) -> npt.NDArray[np.uint8]:
    """The displayed picture, uint8 [h, w, 3] ("rgb24") or [h, w, 1] ("gray", full range).

    Pixels are made square by scaling the width, then the picture is shrunk by area averaging until its sides are at
    most ``short_side`` and ``long_side`` pixels (never enlarged), then turned and mirrored by the display matrix.
    Untagged colour is read as players do: BT.709 from 720 lines up, else BT.601.
    A ``sample_aspect_ratio`` that is unknown, or beyond 1:16 … 16:1, is taken as 1:1.
    """
    width, height = _scaled_size(frame, sample_aspect_ratio, short_side, long_side)
    colorspace = None
    if frame.colorspace == _UNSPECIFIED_COLORSPACE:
        colorspace = Colorspace.ITU709 if frame.height >= 720 else Colorspace.ITU601
    small = frame.reformat(
        width=width,
        height=height,
        format=pixel_format,
        src_colorspace=colorspace,
        interpolation=_SCALING,
        threads=1,
    )
    picture = np.asarray(small.to_ndarray(), dtype=np.uint8).reshape(height, width, -1)
    return np.ascontiguousarray(_upright(picture, frame))


def _scaled_size(
    frame: av.VideoFrame, aspect: Fraction | None, short_side: int | None, long_side: int | None
) -> tuple[int, int]:
    width, height = Fraction(frame.width), Fraction(frame.height)
    if aspect and Fraction(1, _MAX_ASPECT) <= aspect <= _MAX_ASPECT:
        width *= aspect
    scale = Fraction(1)
    if short_side is not None:
        scale = min(scale, short_side / min(width, height))
    if long_side is not None:
        scale = min(scale, long_side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _upright(picture: npt.NDArray[np.uint8], frame: av.VideoFrame) -> npt.NDArray[np.uint8]:
    """Apply the display matrix, to the nearest of the eight orientations of a rectangle."""
    matrix = cast("SideData | None", frame.side_data.get("DISPLAYMATRIX"))
    if matrix is None:
        return picture
    x_from_x, y_from_x, _, x_from_y, y_from_y = struct.unpack("=5i", bytes(matrix)[:20])
    if abs(x_from_x) < abs(y_from_x):
        picture = picture.transpose(1, 0, 2)
        x_from_x, y_from_y = x_from_y, y_from_x
    if x_from_x < 0:
        picture = picture[:, ::-1]
    if y_from_y < 0:
        picture = picture[::-1]
    return picture
