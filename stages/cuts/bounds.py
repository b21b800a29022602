"""The exact frames of a gradual transition, once it is known that there is one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def bound(vectors: npt.NDArray[np.float32], start: int, end: int) -> tuple[int, int]:
    """First mixed frame and first frame after the last mixed one.

    ``vectors`` [n, d]: all frames; ``start`` … ``end``: about where the transition is. The pictures are projected on the
    line from before to after; the ramp (0, then rising evenly, then 1) that fits the weights best gives the bounds.
    """
    length = end - start
    low, high = max(0, start - max(4, length // 2)), min(len(vectors), end + 1 + max(4, length // 2))
    first = vectors[max(low, start - 2) : start + 1].mean(axis=0)
    last = vectors[end : min(high, end + 3)].mean(axis=0)
    direction = last - first
    weights = (vectors[low:high] - first) @ direction / max(float(direction @ direction), 1e-6)
    times = np.arange(low, high)
    rise = np.arange(max(low, start - length // 2), start + length // 2 + 1)
    fall = np.arange(end - length // 2, min(high, end + length // 2 + 1))
    starts, ends = np.meshgrid(rise, fall, indexing="ij")
    valid = ends > starts
    starts, ends = starts[valid], ends[valid]
    ramps = np.clip((times[None] - starts[:, None]) / (ends - starts)[:, None], 0, 1)
    errors = _line_fit_error(ramps, weights.astype(np.float64))
    best = int(np.argmin(errors))
    return int(starts[best]) + 1, int(ends[best])


def _line_fit_error(ramps: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Squared error of the best scale and offset of each ramp [k, n] to the weights [n]: [k]."""
    centred = ramps - ramps.mean(axis=1, keepdims=True)
    target = weights - weights.mean()
    norm = (centred**2).sum(axis=1) + 1e-12
    along = centred @ target
    return (target @ target) - along**2 / norm
