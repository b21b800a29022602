"""The values of a column in order, overall or in groups: percentiles are looked up in it, not computed again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.filters.percent import Share

Values = npt.NDArray[Any]


@dataclass(frozen=True)
class Ranking:
    """``ordered``: the values that are there, group by group, in each from the least to the greatest; ``start``: int64
    [groups], where each group begins; ``count``: int64 [groups], how many values it has."""

    ordered: Values
    start: npt.NDArray[np.int64]
    count: npt.NDArray[np.int64]

    @classmethod
    def of(cls, values: Values, missing: npt.NDArray[np.bool_], codes: npt.NDArray[np.int64], groups: int) -> Ranking:
        """``values``, ``missing`` and ``codes`` (of the groups): one per clip."""
        there = ~missing
        values, codes = values[there], codes[there]
        count = np.bincount(codes, minlength=groups).astype(np.int64)
        ordered = np.sort(values) if groups <= 1 else values[np.lexsort((values, codes))]
        return cls(ordered, np.cumsum(count) - count, count)

    def least_kept(self, share: Share) -> Values:
        """[groups]: where the lowest ``share`` of each group is dropped, the value from which on clips are kept.

        With k = ``share.of(count)`` that is the value that has k others before it. Equal values share one fate: where
        it stands among equals, all of them are kept, and fewer than k are dropped. A group without values gets any.
        """
        return self._at(self.start + share.of(self.count))

    def greatest_kept(self, share: Share) -> Values:
        """As `least_kept`, from the other end: the value up to which clips are kept."""
        return self._at(self.start + self.count - 1 - share.of(self.count))

    def _at(self, positions: npt.NDArray[np.int64]) -> Values:
        if not len(self.ordered):
            return np.zeros(len(positions), self.ordered.dtype)
        return self.ordered[np.clip(positions, 0, len(self.ordered) - 1)]
