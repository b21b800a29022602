"""How sure it is that an interval is a dissolve or a wipe: logistic regression on what was measured.

The weights were fitted to about 1400 intervals of generated videos (pans, zooms, whip pans, objects passing, gestures,
handheld cameras, grain, darkness, flashes, changes of exposure and of focus; and 175 dissolves and wipes). Fitted to one half of the sources
they judge the other half as well as their own: docs/cut_detection.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

WITHOUT_MOTION_BIAS = -5.7
WITHOUT_MOTION = {
    "difference": 0.95,
    "novelty": 3.31,
    "fine_novelty": -7.13,
    "residual": -1.0,
    "nonlinearity": 0.07,
    "backward": -0.05,
    "unrest": -0.07,
    "before": 0.22,
    "after": -0.7,
    "dip": 0.76,
    "fine_dip": 0.43,
    "length": 1.18,
}
WITH_MOTION_BIAS = -4.11
WITH_MOTION = {
    "difference": 0.46,
    "novelty": 1.83,
    "fine_novelty": -2.35,
    "residual": -1.18,
    "nonlinearity": -0.64,
    "backward": -0.08,
    "unrest": -0.1,
    "before": -0.82,
    "after": -1.21,
    "dip": 0.72,
    "fine_dip": 0.07,
    "length": 1.02,
    "halves_unmoved": 1.85,
    "ends_unmoved": 1.44,
    "restless": 0.28,
}


def without_motion(seen: Mapping[str, float]) -> float:
    """0 … 1 from the figures of `Hypotheses` and ``length``, as a share of the longest: a first, cheap look."""
    return _probability(seen, WITHOUT_MOTION, WITHOUT_MOTION_BIAS)


def with_motion(seen: Mapping[str, float]) -> float:
    """0 … 1 from the figures of `Hypotheses`, ``length`` and those of motion compensation."""
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
