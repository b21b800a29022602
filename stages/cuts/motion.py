"""How much of the difference of two thumbnails motion explains."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stages.cuts.thumbnail import HEIGHT, LUMA_SIZE, WIDTH, Thumbnail


def unexplained(first: Thumbnail, second: Thumbnail) -> tuple[float, float]:
    """Mean squared difference of the luma of two frames: (what is left after motion compensation, before it).

    Motion is dense inverse search flow (Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016).
    """
    import cv2

    left, right = _luma(first), _luma(second)
    flow_field = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow_field.setFinestScale(0)
    flow = flow_field.calc(left, right, None)  # type: ignore[call-overload]
    x, y = np.meshgrid(np.arange(WIDTH, dtype=np.float32), np.arange(HEIGHT, dtype=np.float32))
    moved = cv2.remap(right, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return _mean_square(left, moved), _mean_square(left, right)


def _luma(thumb: Thumbnail) -> npt.NDArray[np.uint8]:
    return thumb[:LUMA_SIZE].reshape(HEIGHT, WIDTH)


def _mean_square(first: npt.NDArray[np.uint8], second: npt.NDArray[np.uint8]) -> float:
    return float(np.mean((first.astype(np.float32) - second.astype(np.float32)) ** 2))
