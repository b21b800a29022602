"""The axis of a histogram: where values stand between its ends, evenly or by their logarithm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Scale = Literal["linear", "log"]
Numbers = npt.NDArray[Any]

# A tail beyond these quantiles is drawn in the outermost bar where it would take more than half of the axis.
TAIL = 0.001
LONG_TAIL = 20


@dataclass(frozen=True)
class Axis:
    """``low`` and ``high``: the values at its ends; what lies beyond is drawn there too. ``unit``: of a logarithmic
    axis, the value around which it turns from even to logarithmic: position = sign(x) · log(1 + |x| / unit)."""

    scale: Scale
    low: float
    high: float
    unit: float

    @classmethod
    def of(cls, ordered: Numbers, scale: Scale | None) -> Axis:
        """``ordered``: all values from the least to the greatest, one at least; ``scale``: None lets them decide."""
        least, most = float(ordered[0]), float(ordered[-1])
        unit = _unit(ordered)
        if scale is None:
            low, middle, high = (float(value) for value in np.quantile(_thinned(ordered), [0.01, 0.5, 0.99]))
            scale = "log" if low >= 0 and high > LONG_TAIL * max(middle, unit) else "linear"
        if scale == "linear":
            tail = int(TAIL * len(ordered))
            inner_low, inner_high = float(ordered[tail]), float(ordered[-1 - tail])
            width = inner_high - inner_low
            if 0 < 2 * width < most - least:
                least, most = max(least, inner_low - width / 2), min(most, inner_high + width / 2)
        return cls(scale, least, most, unit)

    def position(self, values: Any) -> Any:
        """Where values stand, 0 at the low end and 1 at the high end."""
        low, high = self._turn(self.low), self._turn(self.high)
        return (self._turn(values) - low) / (high - low) if high > low else 0.5 + 0 * self._turn(values)

    def _turn(self, values: Any) -> Any:
        if self.scale == "linear":
            return np.asarray(values, np.float64)
        return np.sign(values) * np.log1p(np.abs(values) / self.unit)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"scale": self.scale, "low": self.low, "high": self.high, "unit": self.unit}


def _unit(ordered: Numbers) -> float:
    """A tenth of the median of what is not zero."""
    size = np.abs(_thinned(ordered).astype(np.float64))
    size = size[size > 0]
    return float(np.median(size)) / 10 if len(size) else 1.0


def _thinned(ordered: Numbers) -> Numbers:
    return ordered[:: max(1, len(ordered) // 100_000)]
