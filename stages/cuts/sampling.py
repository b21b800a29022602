"""Taking frames at a lower rate, by their time stamps."""

from __future__ import annotations

from fractions import Fraction


class PtsSampler:
    """Takes the first frame at or after every 1/``rate`` seconds, counted from the first frame; None takes all."""

    def __init__(self, rate: float | None, time_base: Fraction) -> None:
        self._step = None if rate is None else 1 / (Fraction(rate).limit_denominator(1000) * time_base)
        self._first: int | None = None
        self._next = Fraction(0)

    def takes(self, pts: int) -> bool:
        """Whether the frame at ``pts`` (increasing from call to call) is one of the sample."""
        if self._step is None:
            return True
        if self._first is None:
            self._first = pts
        elapsed = pts - self._first
        if elapsed < self._next:
            return False
        self._next = (elapsed // self._step + 1) * self._step
        return True
