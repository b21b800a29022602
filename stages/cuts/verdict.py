"""How sure it is that an interval is a dissolve or a wipe: logistic regression on what was measured.

The weights were fitted to about 5500 intervals of generated videos (pans, zooms, whip pans, objects passing, gestures,
handheld cameras, grain, darkness, flashes, changes of exposure and of focus, and 385 fades, dissolves and wipes) and of
real films. The length is no measure on purpose: shots of generated videos are short, so that it would speak for every
slow movement in a long shot. Fitted to one half of the sources the weights judge the other half nearly as well as their
own (docs/cut_detection.md).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

WITHOUT_MOTION_BIAS = -6.99
WITHOUT_MOTION = {
    "difference": 1.01,
    "novelty": 3.4,
    "fine_novelty": -5.47,
    "residual": -0.88,
    "nonlinearity": 0.37,
    "backward": 0.29,
    "unrest": -0.3,
    "before": -1.2,
    "after": -2.02,
    "dip": 0.91,
    "fine_dip": 0.64,
}
WITH_MOTION_BIAS = -5.01
WITH_MOTION = {
    "difference": 0.46,
    "novelty": 2.09,
    "fine_novelty": -0.7,
    "residual": -1.26,
    "nonlinearity": -0.41,
    "backward": 0.3,
    "unrest": -0.22,
    "before": -2.25,
    "after": -2.33,
    "dip": 0.83,
    "fine_dip": 0.29,
    "halves_unmoved": 1.94,
    "ends_unmoved": 1.62,
    "restless": 0.26,
}


def without_motion(seen: Mapping[str, float]) -> float:
    """0 … 1 from the figures of `Hypotheses` alone: a first, cheap look."""
    return _probability(seen, WITHOUT_MOTION, WITHOUT_MOTION_BIAS)


def with_motion(seen: Mapping[str, float]) -> float:
    """0 … 1 from the figures of `Hypotheses` and those of motion compensation."""
    return _probability(seen, WITH_MOTION, WITH_MOTION_BIAS)


def _probability(seen: Mapping[str, float], weights: Mapping[str, float], bias: float) -> float:
    total = bias + sum(weight * _scaled(name, seen[name]) for name, weight in weights.items())
    return 1 / (1 + math.exp(-max(-50.0, min(50.0, total))))


def _scaled(name: str, value: float) -> float:
    """Shares and squares on a logarithmic scale; the rest within bounds."""
    if name == "difference":
        return math.log(max(value, 0.0) + 1)
    if name in ("novelty", "fine_novelty"):
        return min(value, 1.2)
    if name in ("before", "after"):
        return abs(value)
    if name in ("dip", "fine_dip"):
        return max(-1.0, min(value, 1.5))
    return math.log(max(value, 0.0) + 0.02)
