"""A few luma samples of a frame: enough to tell whether two decoded frames are the same picture.

Points of the decoded luma plane are read as they are, at a cost of microseconds. Two decodes of the same coded frame
give the same bytes, or nearly the same when one of them left out the loop filter.
"""

from __future__ import annotations

from functools import lru_cache

import av
import numpy as np
import numpy.typing as npt

from curation.video.pixel_layout import pixel_layout

ROWS, COLUMNS = 12, 20
FINGERPRINT_SIZE = ROWS * COLUMNS
# Mean difference in levels of 8-bit luma that a loop filter left out may cause. Seen: at most 1.7 at usual qualities,
# 4.1 in H.264 of crf 44 with grain and eight B frames in a row.
LOOP_FILTER_DIFFERENCE = 6.0

Fingerprints = npt.NDArray[np.uint8]


def fingerprint(frame: av.VideoFrame) -> npt.NDArray[np.uint8]:
    """uint8 [FINGERPRINT_SIZE]: luma at points of a ROWS × COLUMNS grid, the 8 most significant bits.

    Formats without a plane of luma are converted to grey first.
    """
    layout = pixel_layout(frame.format.name)
    if not layout.has_luma:
        frame = frame.reformat(format="gray")
        layout = pixel_layout("gray")
    luma = layout.samples(frame.planes[0])
    points = luma[_points(*luma.shape)]
    if layout.bits > 8:
        points = np.right_shift(points, layout.bits - 8).astype(np.uint8)
    return np.asarray(points, np.uint8).reshape(-1)


def difference(first: Fingerprints, second: Fingerprints) -> npt.NDArray[np.float32]:
    """float32 [n]: mean absolute difference of two stacks [n, FINGERPRINT_SIZE], in levels of 8-bit luma."""
    apart = np.abs(first.astype(np.int16) - second.astype(np.int16))
    return np.asarray(apart.mean(axis=-1), np.float32)


def is_same_coded_picture(first: Fingerprints, second: Fingerprints) -> npt.NDArray[np.bool_]:
    """bool [n]: whether both can come from one coded frame, be it with or without its loop filter."""
    return np.asarray(difference(first, second) <= LOOP_FILTER_DIFFERENCE)


@lru_cache(maxsize=8)
def _points(height: int, width: int) -> tuple[slice, slice] | tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """What to index a plane with. In all but small ones the points lie at whole distances, and a view of them is read
    ten times faster than points by their numbers."""
    if height >= 8 * ROWS and width >= 8 * COLUMNS:
        row, column = height // ROWS, width // COLUMNS
        return slice(row // 2, row * ROWS, row), slice(column // 2, column * COLUMNS, column)
    rows = (2 * np.arange(ROWS) + 1) * height // (2 * ROWS)
    columns = (2 * np.arange(COLUMNS) + 1) * width // (2 * COLUMNS)
    return rows[:, None], columns[None, :]
