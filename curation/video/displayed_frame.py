"""A decoded frame as a viewer sees it: upright, with square pixels, as an array of the size asked for."""

from __future__ import annotations

import struct
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Orientation:
    """How the coded picture is turned for display: transposed first, then mirrored."""

    transposed: bool = False
    mirrored_x: bool = False
    mirrored_y: bool = False

    @classmethod
    def of(cls, frame: av.VideoFrame) -> Orientation:
        """By the frame's display matrix, to the nearest of the eight orientations of a rectangle.

        Read it once per clip: asking a frame for its side data makes a reference cycle that keeps its picture in
        memory until the garbage collector runs.
        """
        matrix = cast("SideData | None", frame.side_data.get("DISPLAYMATRIX"))
        if matrix is None:
            return cls()
        x_from_x, y_from_x, _, x_from_y, y_from_y = struct.unpack("=5i", bytes(matrix)[:20])
        transposed = abs(x_from_x) < abs(y_from_x)
        if transposed:
            x_from_x, y_from_y = x_from_y, y_from_x
        return cls(transposed, x_from_x < 0, y_from_y < 0)

    def apply(self, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Turn a coded picture [h, w, c] upright."""
        if self.transposed:
            picture = picture.transpose(1, 0, 2)
        if self.mirrored_x:
            picture = picture[:, ::-1]
        return picture[::-1] if self.mirrored_y else picture


def displayed_array(
    frame: av.VideoFrame,
    *,
    pixel_format: Literal["rgb24", "gray"] = "rgb24",
    short_side: int | None = None,
    long_side: int | None = None,
    sample_aspect_ratio: Fraction | None = None,
    orientation: Orientation | None = None,
    multiple: int = 1,
) -> npt.NDArray[np.uint8]:
    """The displayed picture, uint8 [h, w, 3] ("rgb24") or [h, w, 1] ("gray", full range).

    Pixels are made square by scaling the width, then the picture is shrunk by area averaging until its sides are at
    most ``short_side`` and ``long_side`` pixels (never enlarged), both rounded to a ``multiple``, then turned and
    mirrored by the ``orientation`` (None: that of the frame).
    Untagged colour is read as players do: BT.709 from 720 lines up, else BT.601.
    A ``sample_aspect_ratio`` that is unknown, or beyond 1:16 … 16:1, is taken as 1:1.
    """
    width, height = _scaled_size(frame, sample_aspect_ratio, short_side, long_side, multiple)
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
    return np.ascontiguousarray((orientation or Orientation.of(frame)).apply(picture))


def _scaled_size(
    frame: av.VideoFrame, aspect: Fraction | None, short_side: int | None, long_side: int | None, multiple: int
) -> tuple[int, int]:
    width, height = Fraction(frame.width), Fraction(frame.height)
    if aspect and Fraction(1, _MAX_ASPECT) <= aspect <= _MAX_ASPECT:
        width *= aspect
    scale = Fraction(1)
    if short_side is not None:
        scale = min(scale, short_side / min(width, height))
    if long_side is not None:
        scale = min(scale, long_side / max(width, height))
    scale /= multiple
    return multiple * max(1, round(width * scale)), multiple * max(1, round(height * scale))
