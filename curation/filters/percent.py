"""Percentages as they are written in a filter, exact to six decimals."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import BeforeValidator, PlainSerializer

_WRITTEN = re.compile(r"(\d{1,3})(?:\.(\d{1,6}))?\s*%")
WHOLE = 100_000_000


@dataclass(frozen=True)
class Share:
    """A share of ``parts`` / `WHOLE`: integers, so that no rounding decides how many clips are dropped."""

    parts: int

    def of(self, counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """How many of that many clips, for each of ``counts``: the nearest number, halves up, and never all of them."""
        nearest = (2 * counts * self.parts + WHOLE) // (2 * WHOLE)
        return np.clip(nearest, 0, np.maximum(counts - 1, 0))

    def __str__(self) -> str:
        whole, decimals = divmod(self.parts, WHOLE // 100)
        return f"{whole}.{decimals:06d}".rstrip("0").rstrip(".") + "%"


def _read(value: Any) -> Any:
    if isinstance(value, Share):
        return value
    match = _WRITTEN.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError("should be a percentage with at most six decimals, such as 25% or 12.5%")
    parts = int(match[1]) * (WHOLE // 100) + int((match[2] or "").ljust(6, "0"))
    if parts >= WHOLE:
        raise ValueError("should be less than 100%")
    return Share(parts)


Percent = Annotated[Share, BeforeValidator(_read), PlainSerializer(str)]
