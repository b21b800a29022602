"""Taking frames at a lower rate, by their time stamps."""

from __future__ import annotations

from fractions import Fraction


class PtsSampler:
    """Takes the first frame at or after every 1/``rate`` seconds, counted from the first frame; None takes all."""

    def __init__(self, rate: float | None, time_base: Fraction) -> None:
        self._all = rate is None
        step = 1 / (Fraction(rate or 1).limit_denominator(1000) * time_base)
        self._step, self._unit = step.numerator, step.denominator
        self._first: int | None = None
        self._next = 0

    def takes(self, pts: int) -> bool:
        """Whether the frame at ``pts`` (increasing from call to call) is one of the sample."""
        if self._all:
            return True
        if self._first is None:
            self._first = pts
        elapsed = (pts - self._first) * self._unit
        if elapsed < self._next:
            return False
        self._next = (elapsed // self._step + 1) * self._step
        return True
