"""How much of the difference of two thumbnails motion explains."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stages.cuts.thumbnail import HEIGHT, LUMA_SIZE, WIDTH, Thumbnail

Luma = npt.NDArray[np.uint8]

# Contrast is raised by no more than this to match the other frame: beyond, noise would be compared.
MOST_GAIN = 3.0


def unexplained(first: Thumbnail, second: Thumbnail, *, any_light: bool = False) -> tuple[float, float]:
    """Mean squared difference of the luma of two frames: (what is left after motion compensation, before it).

    ``any_light``: brightness and contrast of both are made equal first, so that a change of exposure is no difference.
    Motion is dense inverse search flow (Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016).
    """
    import cv2

    left, right = _luma(first), _luma(second)
    if any_light:
        left, right = _levelled(left, right)
    flow_field = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow_field.setFinestScale(0)
    flow = flow_field.calc(left, right, None)  # type: ignore[call-overload]
    x, y = np.meshgrid(np.arange(WIDTH, dtype=np.float32), np.arange(HEIGHT, dtype=np.float32))
    moved = cv2.remap(right, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return _mean_square(left, np.asarray(moved, np.uint8)), _mean_square(left, right)


def _luma(thumb: Thumbnail) -> Luma:
    return thumb[:LUMA_SIZE].reshape(HEIGHT, WIDTH)


def _levelled(first: Luma, second: Luma) -> tuple[Luma, Luma]:
    """Both around middle grey with the larger of the two contrasts."""
    deviations = [max(float(luma.std()), 1.0) for luma in (first, second)]
    gains = [min(max(deviations) / deviation, MOST_GAIN) for deviation in deviations]

    def level(luma: Luma, gain: float) -> Luma:
        return np.asarray(np.clip(128 + (luma - luma.mean()) * gain, 0, 255), np.uint8)

    return level(first, gains[0]), level(second, gains[1])


def _mean_square(first: Luma, second: Luma) -> float:
    return float(np.mean((first.astype(np.float32) - second.astype(np.float32)) ** 2))
