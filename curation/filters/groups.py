"""Clips in groups: equal in one column, or in several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True)
class Groups:
    """``codes``: int64 [clips], the group of each clip; ``keys``: the values of each group, a row for each of ``num``
    groups, in the order of their codes. Nulls are a value like any other."""

    codes: npt.NDArray[np.int64]
    num: int
    keys: pa.Table

    def __len__(self) -> int:
        return self.num

    @property
    def names(self) -> tuple[str, ...]:
        """The columns in which the clips of a group are equal; none for one group of all clips."""
        return tuple(self.keys.column_names)

    def key(self, code: int) -> dict[str, Any]:
        """What the clips of a group have in common, by column."""
        return {name: self.keys[name][code].as_py() for name in self.names}

    def code(self, name: str, value: Any) -> int | None:
        """The first group whose clips have ``value`` in a column; None where there is none."""
        keys = self.keys[name]
        place = pc.index(keys.is_null(), True) if value is None else pc.index(keys, pa.scalar(value, keys.type))
        return place.as_py() if place.as_py() >= 0 else None


def group(clips: pa.Table) -> Groups:
    """Groups of the clips that are equal in all columns of ``clips``, sorted by the first column, then the second, …"""
    if not clips.num_columns:
        return Groups(np.zeros(clips.num_rows, np.int64), min(clips.num_rows, 1), clips.slice(0, 1))
    codes, keys = _numbered(clips.column(0))
    if clips.num_columns == 1:
        return Groups(codes, len(keys), pa.table([keys], names=clips.column_names))
    for column in clips.columns[1:]:
        own, distinct = _numbered(column)
        # Numbered anew for each column, so that products of the numbers of values stay small.
        _, first, codes = np.unique(codes * len(distinct) + own, return_index=True, return_inverse=True)
    return Groups(codes, len(first), clips.take(pa.array(first)))


def _numbered(column: pa.ChunkedArray) -> tuple[npt.NDArray[np.int64], pa.Array]:
    """The place of each value among the distinct ones, and these in order, null last."""
    distinct = pc.unique(column)
    distinct = distinct.take(pc.sort_indices(distinct))
    return pc.index_in(column, distinct).to_numpy().astype(np.int64), distinct
