"""What the detectors proposed, and quick ways to ask for it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Hit:
    """A detector at ``rate`` saw the picture change between the frames numbered ``before`` and ``frame``."""

    rate: str
    before: int
    frame: int


class Hits:
    """The hits of all rates, in order of time."""

    def __init__(self, hits: Iterable[Hit]) -> None:
        self._hits = sorted(hits, key=lambda hit: (hit.frame, -hit.before))
        self._frames = [hit.frame for hit in self._hits]
        self._longest = max((hit.frame - hit.before for hit in self._hits), default=0)

    def __iter__(self) -> Iterator[Hit]:
        return iter(self._hits)

    def within(self, low: int, high: int) -> list[Hit]:
        """Those whose two frames lie in low … high − 1."""
        ending = self._hits[bisect_left(self._frames, low) : bisect_left(self._frames, high)]
        return [hit for hit in ending if hit.before >= low]

    def rate_that_saw(self, start: int, end: int) -> str:
        """The highest rate at which a change was seen that overlaps the frames start … end (a cut: start == end)."""
        last = max(end, start + 1)
        near = self._hits[bisect_left(self._frames, start) : bisect_left(self._frames, last + self._longest + 1)]
        seen = [hit for hit in near if hit.before < last]
        return min(seen, key=lambda hit: hit.frame - hit.before).rate if seen else "native"
