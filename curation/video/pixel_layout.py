"""Where the samples of a decoded frame lie, by the name of its pixel format."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import av
import numpy as np
import numpy.typing as npt
from av.video.plane import VideoPlane

Samples = npt.NDArray[np.uint8 | np.uint16]

_LUMA_FIRST = ("yuv4", "yuvj4", "yuva4", "gray", "nv12", "nv21", "p010", "p012", "p016")
_HIGH_BITS = ("p010", "p012", "p016")


class PixelLayout(NamedTuple):
    """``bits``: of a luma sample as it lies in memory; ``has_luma``: the first plane is luma and can be read as it is;
    ``is_planar``: so are the two of chroma, where there are any.
    """

    dtype: np.dtype[np.uint8] | np.dtype[np.uint16]
    bits: int
    has_luma: bool
    is_planar: bool

    def samples(self, plane: VideoPlane) -> Samples:
        """A plane where it lies, [height, width]: no copy."""
        flat: Samples = np.frombuffer(memoryview(plane), self.dtype)
        return flat.reshape(plane.height, -1)[:, : plane.width]


@lru_cache(maxsize=64)
def pixel_layout(name: str) -> PixelLayout:
    """The layout of FFmpeg's pixel format of that name."""
    depth = av.VideoFormat(name).components[0].bits
    is_wide = depth > 8
    is_big_endian = name.endswith("be")
    return PixelLayout(
        dtype=np.dtype("<u2") if is_wide else np.dtype(np.uint8),
        bits=16 if name.startswith(_HIGH_BITS) else min(16, depth) if is_wide else 8,
        has_luma=name.startswith(_LUMA_FIRST) and not is_big_endian,
        is_planar=name.startswith(("yuv4", "yuvj4")) and not is_big_endian,
    )
