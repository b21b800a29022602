"""A few luma samples of a frame: enough to tell whether two decoded frames are the same picture.

Points of the decoded luma plane are read as they are, at a cost of microseconds. Two decodes of the same coded frame
give the same bytes, or nearly the same when one of them left out the loop filter.
"""

from __future__ import annotations

from functools import lru_cache

import av
import numpy as np
import numpy.typing as npt

ROWS, COLUMNS = 12, 20
FINGERPRINT_SIZE = ROWS * COLUMNS
# Mean difference in levels of 8-bit luma that a loop filter left out may cause. Seen: at most 1.1 at usual qualities.
LOOP_FILTER_DIFFERENCE = 4.0

Fingerprints = npt.NDArray[np.uint8]

Luma = npt.NDArray[np.uint8 | np.uint16]


def luma_plane(frame: av.VideoFrame) -> Luma:
    """The luma of a frame, [height, width], without a copy where the pixel format is planar YUV or grey.

    Samples of 9 to 16 bits come as uint16 and are not scaled. Other formats are converted to 8-bit grey.
    """
    name = frame.format.name
    if not name.startswith(("yuv4", "yuvj4", "yuva4", "gray", "nv12", "nv21", "p010", "p012", "p016")) or "be" in name:
        frame = frame.reformat(format="gray")
        name = "gray"
    plane = frame.planes[0]
    dtype = np.dtype(np.uint8) if frame.format.components[0].bits <= 8 else np.dtype("<u2")
    samples: Luma = np.frombuffer(memoryview(plane), dtype)
    return samples.reshape(plane.height, plane.line_size // dtype.itemsize)[:, : frame.width]


def luma_bits(frame: av.VideoFrame) -> int:
    """Significant bits of the samples that `luma_plane` returns for this frame."""
    name = frame.format.name
    if name.startswith(("p010", "p012", "p016")):
        return 16
    return min(16, frame.format.components[0].bits) if luma_plane(frame).dtype != np.uint8 else 8


def fingerprint(frame: av.VideoFrame) -> npt.NDArray[np.uint8]:
    """uint8 [FINGERPRINT_SIZE]: luma at the centres of a ROWS × COLUMNS grid, the 8 most significant bits."""
    luma = luma_plane(frame)
    points = luma[_grid(*luma.shape)]
    if points.dtype != np.uint8:
        return np.right_shift(points, luma_bits(frame) - 8).astype(np.uint8).reshape(-1)
    return points.astype(np.uint8).reshape(-1)


def difference(first: Fingerprints, second: Fingerprints) -> npt.NDArray[np.float32]:
    """float32 [n]: mean absolute difference of two stacks [n, FINGERPRINT_SIZE], in levels of 8-bit luma."""
    apart = np.abs(first.astype(np.int16) - second.astype(np.int16))
    return np.asarray(apart.mean(axis=-1), np.float32)


def is_same_coded_picture(first: Fingerprints, second: Fingerprints) -> npt.NDArray[np.bool_]:
    """bool [n]: whether both can come from one coded frame, be it with or without its loop filter."""
    return np.asarray(difference(first, second) <= LOOP_FILTER_DIFFERENCE)


@lru_cache(maxsize=8)
def _grid(height: int, width: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Row and column numbers of the grid points, shaped to index a plane."""
    rows = (2 * np.arange(ROWS) + 1) * height // (2 * ROWS)
    columns = (2 * np.arange(COLUMNS) + 1) * width // (2 * COLUMNS)
    return rows[:, None], columns[None, :]
