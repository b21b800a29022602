"""Numbers of clips, lengths and shares, as they stand in tables."""

from __future__ import annotations


class Lengths:
    """Seconds in one unit, with as many decimals, chosen by the longest: hours, minutes or seconds."""

    def __init__(self, longest: float) -> None:
        """``longest``: in seconds."""
        units = (("h", 3600), ("min", 60), ("s", 1))
        self.unit, self._seconds = next(unit for unit in units if longest >= unit[1] or unit[1] == 1)
        self._decimals = 0 if longest >= 1000 * self._seconds else 1

    def __call__(self, seconds: float) -> str:
        return f"{seconds / self._seconds:,.{self._decimals}f} {self.unit}"


def share(part: float, whole: float) -> str:
    """``12.5 %``; a dash of nothing."""
    return f"{part / whole:.1%}".replace("%", " %") if whole else "–"


def number(value: float) -> str:
    """Four digits that count; large numbers whole."""
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
