"""The exact frames of a gradual transition, once it is known about where there may be one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stages.cuts.thumbnail import HEIGHT, LUMA_SIZE, WIDTH, Thumbnails

Floats = npt.NDArray[np.float32]

# Share of the length over which the cells of the picture turn from one shot to the other: in a dissolve all turn
# half-way, in a wipe one after the other.
WIPE_SPREAD = 0.72
# Added at both ends, as a share of the length and in frames: one frame too wide is better than one too narrow.
MARGIN_SHARE, MARGIN_FRAMES = 0.07, 1


@dataclass(frozen=True)
class Bounds:
    """Frames start … end − 1 are mixed. ``spread``: 0 all parts of the picture turn at once, 1 one after the other."""

    start: int
    end: int
    spread: float


def bound(vectors: Floats, cells: Floats, start: int, end: int) -> Bounds:
    """Bound the transition that lies about between the frames ``start`` (still before) and ``end`` (already after).

    ``vectors`` [n, d]: the pictures, as of `picture_vectors`; ``cells`` [n, 3, k]: as of `cell_colours`.
    """
    count = len(vectors)
    first, last = _ramp(vectors, start, end)
    turned = _turning_times(cells, *_widened(first, last, count))
    spread = _spread(turned, last - first)
    if spread >= WIPE_SPREAD:
        for _ in range(2):
            first, last = (int(edge) for edge in np.percentile(turned, [1, 99]))
            last = max(last, first + 2)
            turned = _turning_times(cells, *_widened(first, last, count))
        first, last = (int(edge) for edge in np.percentile(turned, [1, 99]))
        first, last = first - 1 - (last - first) // 24, last + (last - first) // 24
    margin = MARGIN_FRAMES + round(MARGIN_SHARE * (last - first))
    return Bounds(max(0, first + 1 - margin), min(count, last + margin), spread)


def cell_colours(thumbs: Thumbnails) -> Floats:
    """Means of Y, U and V over 16 × 9 cells: [n, 3, 144]."""
    count = len(thumbs)
    luma = thumbs[:, :LUMA_SIZE].reshape(count, HEIGHT // 4, 4, WIDTH // 4, 4).mean(axis=(2, 4), dtype=np.float32)
    chroma = thumbs[:, LUMA_SIZE:].reshape(count, 2, HEIGHT // 4, 2, WIDTH // 4, 2).mean(axis=(3, 5), dtype=np.float32)
    return np.concatenate([luma.reshape(count, 1, -1), chroma.reshape(count, 2, -1)], axis=1)


def _widened(first: int, last: int, count: int) -> tuple[int, int]:
    margin = max(4, (last - first) // 3)
    return max(0, first - margin), min(count - 1, last + margin)


def _ramp(vectors: Floats, start: int, end: int) -> tuple[int, int]:
    """Last frame before and first frame after the ramp that fits best.

    The pictures are projected on the direction that tells the two shots apart while what moves within each counts
    little (Fisher's linear discriminant with a diagonal covariance); in a dissolve the projection is a ramp.
    """
    length = end - start
    margin = max(6, length // 2)
    low, high = max(0, start - margin), min(len(vectors), end + 1 + margin)
    earlier, later = vectors[low : start + 1], vectors[end:high]
    before, after = earlier[-3:].mean(axis=0), later[:3].mean(axis=0)
    change = after - before
    scatter = np.square(earlier - earlier.mean(axis=0)).sum(axis=0) + np.square(later - later.mean(axis=0)).sum(axis=0)
    scatter /= max(1, len(earlier) + len(later) - 2)
    direction = change / (scatter + np.median(scatter) + 0.05 * np.square(change).mean() + 1e-6)
    weights = (vectors[low:high] - before) @ direction / max(float(change @ direction), 1e-9)
    firsts = np.arange(max(low, start - length // 2 - 2), start + length // 2 + 1)
    lasts = np.arange(end - length // 2, min(high - 1, end + length // 2 + 2) + 1)
    first, last = (grid.reshape(-1) for grid in np.meshgrid(firsts, lasts, indexing="ij"))
    wide = last > first + 1
    if not wide.any():
        return start, end
    first, last = first[wide], last[wide]
    ramps = np.clip((np.arange(low, high)[None] - first[:, None]) / (last - first)[:, None], 0, 1)
    best = int(np.argmin(_misfit(ramps.astype(np.float32), weights)))
    return int(first[best]), int(last[best])


def _misfit(ramps: Floats, weights: Floats) -> Floats:
    """Squared error of the weights [n] against each ramp [k, n], scaled and shifted to fit best: [k]."""
    centred = ramps - ramps.mean(axis=1, keepdims=True)
    target = weights - weights.mean()
    along = centred @ target
    return np.asarray(target @ target - along**2 / (np.square(centred).sum(axis=1) + 1e-9), np.float32)


def _turning_times(cells: Floats, first: int, last: int) -> Floats:
    """The frame from which on a cell is nearer to frame ``last`` than to ``first``, for each cell that differs."""
    before, after = cells[max(0, first - 2) : first + 1].mean(axis=0), cells[last : last + 3].mean(axis=0)
    change = np.square(after - before).sum(axis=0)
    differs = change >= 0.5 * np.median(change)
    between = cells[first : last + 1][:, :, differs]
    from_before = np.square(between - before[:, differs]).sum(axis=1)
    from_after = np.square(between - after[:, differs]).sum(axis=1)
    return np.asarray(first + (from_before < from_after).sum(axis=0), np.float32)


def _spread(turned: Floats, length: int) -> float:
    early, late = np.percentile(turned, [10, 90])
    return float((late - early) / max(1, length))
