"""Which part of a still image each frame of its pseudo-video shows."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# Panoramas and towers: a window no wider or higher than this moves along them.
MAX_ASPECT = 3.0


@dataclass(frozen=True)
class Motion:
    """``size``: width and height of the frames, both even. ``boxes``: float64 [frames, 4], left, top, right and bottom
    of the window in pixels of the image; every box has the shape of the frames and lies inside the image."""

    size: tuple[int, int]
    boxes: npt.NDArray[np.float64]


def plan_motion(width: int, height: int, num_frames: int, max_zoom: float, short_side: int, seed: str) -> Motion:
    """A random zoom, in or out, with a random pan: the corners of the window move at constant speed.

    The window goes from one magnification to another, one of each half of 1 … ``max_zoom``, between two places that
    are drawn evenly from those inside of the image (``width`` × ``height``). Since all windows lie between the first
    and the last, none leaves the image. ``short_side``: of the frames; smaller where pixels would have to be enlarged.
    ``seed`` decides all.
    """
    size = _frame_size(width, height, max_zoom, short_side)
    window = _largest_window(width, height, size[0] / size[1])
    draw = random.Random(int.from_bytes(hashlib.sha256(seed.encode()).digest()))
    middle = (1 + max_zoom) / 2
    zooms = [1 + (middle - 1) * draw.random(), middle + (max_zoom - middle) * draw.random()]
    if draw.random() < 0.5:
        zooms.reverse()
    ends = [_box(window[0] / zoom, window[1] / zoom, width, height, draw) for zoom in zooms]
    share = np.linspace(0, 1, num_frames)[:, None] if num_frames > 1 else np.zeros((1, 1))
    boxes = (1 - share) * ends[0] + share * ends[1]
    bounds = np.array([width, height, width, height], np.float64)
    return Motion(size, np.clip(boxes, 0, bounds))


def _frame_size(width: int, height: int, max_zoom: float, short_side: int) -> tuple[int, int]:
    window = _largest_window(width, height, min(max(width / height, 1 / MAX_ASPECT), MAX_ASPECT))
    scale = min(short_side / min(window), 1 / max_zoom)
    return _even(window[0] * scale), _even(window[1] * scale)


def _largest_window(width: int, height: int, aspect: float) -> tuple[float, float]:
    """The largest of this shape (width by height) that the image holds."""
    return (float(width), width / aspect) if width / aspect <= height else (height * aspect, float(height))


def _box(width: float, height: float, outer_width: int, outer_height: int, draw: random.Random) -> _Box:
    left, top = (outer_width - width) * draw.random(), (outer_height - height) * draw.random()
    return np.array([left, top, left + width, top + height])


def _even(length: float) -> int:
    return max(2, 2 * int(length / 2))


_Box = npt.NDArray[np.float64]
