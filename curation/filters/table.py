"""Columns of the wide table in memory: what filters are evaluated on, again and again while thresholds move."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curation.dataset.column_types import kind_of
from curation.dataset.fingerprint import dataset_fingerprint
from curation.dataset.journal import CLIPS
from curation.dataset.storage import Storage
from curation.dataset.wide import CLIP_ID, DURATION, Column, columns, wide
from curation.errors import UserError
from curation.filters.groups import Groups, group
from curation.filters.ranking import Ranking
from curation.filters.sql import truth_values

Mask = npt.NDArray[np.bool_]
RESULTS_KEPT = 32


@dataclass(frozen=True)
class Answer:
    """A question about every clip: ``yes`` and ``unknown`` (the value is null), bool [clips], never both."""

    yes: Mask
    unknown: Mask


class ClipTable:
    """One row per clip, in the order of clip_id. ``columns``: all columns of the dataset, in memory or not yet.

    What is asked is kept: numbers, rankings and groups for good, of the answers to questions about texts and in SQL
    the last `RESULTS_KEPT`. So only what changed costs time. May be used by several threads.
    """

    def __init__(
        self,
        clips: pa.Table,
        known: Mapping[str, Column],
        fetch: Callable[[Sequence[str]], pa.Table] | None = None,
        fingerprint: str = "",
    ) -> None:
        """``clips``: clip_id, duration_s and any further columns, sorted by clip_id; ``fetch``: gives others later;
        ``fingerprint``: that of the dataset before anything was read from it."""
        self.fingerprint = fingerprint
        self.columns = dict(known)
        self._clips = _finite(clips)
        self._fetch = fetch
        self._lock = threading.Lock()
        self.numbers = lru_cache(maxsize=None)(self._numbers)
        self.missing = lru_cache(maxsize=None)(self._missing)
        self.groups = lru_cache(maxsize=None)(self._groups)
        self.ranking = lru_cache(maxsize=None)(self._ranking)
        self.matches = lru_cache(RESULTS_KEPT)(self._matches)
        self.is_one_of = lru_cache(RESULTS_KEPT)(self._is_one_of)
        self.sql = lru_cache(RESULTS_KEPT)(self._sql)
        self.seconds: npt.NDArray[np.float64] = self._clips[DURATION].fill_null(0).to_numpy()

    @classmethod
    def open(cls, storage: Storage, names: Sequence[str] = ()) -> ClipTable:
        """The clips of a dataset with the columns ``names``; others are read when they are asked for.

        Raises:
            UserError: there is no such column; a run is writing to the tables just now, or was killed while it did.
        """

        def fetch(wanted: Sequence[str]) -> pa.Table:
            rows = wide(storage, [CLIP_ID, *wanted]).sql(f"FROM clips ORDER BY {CLIP_ID}").to_arrow_table()
            ids = rows[CLIP_ID]
            if pc.any(pc.equal(ids[1:], ids[:-1])).as_py():
                raise UserError(
                    f"{storage.url}: a table holds a clip twice: a run is writing to it, or was killed while it did; "
                    "wait until it is done, or give the same run again"
                )
            return rows

        fingerprint, known = dataset_fingerprint(storage), columns(storage)
        first = [name for name in dict.fromkeys([DURATION, *names]) if name != CLIP_ID]
        return cls(fetch(first), known, fetch, fingerprint)

    @classmethod
    def of(cls, clips: pa.Table) -> ClipTable:
        """A table that is in memory: clip_id, duration_s and any further columns, in any order."""
        known = {field.name: Column(field.name, field.type, CLIPS, field.name) for field in clips.schema}
        return cls(clips.sort_by(CLIP_ID), known)

    def __len__(self) -> int:
        return int(self._clips.num_rows)

    def need(self, names: Iterable[str]) -> None:
        """Bring columns into memory, all that are lacking with one query.

        Raises:
            UserError: as `open`; the clips are no longer those of when the table was opened.
        """
        with self._lock:
            lacking = [name for name in dict.fromkeys(names) if name not in self._clips.column_names]
            if not lacking:
                return
            if self._fetch is None:
                raise KeyError(lacking[0])
            rows = _finite(self._fetch(lacking))
            if not rows[CLIP_ID].equals(self._clips[CLIP_ID]):
                raise UserError("the dataset has changed since it was opened; open it again")
            for name in lacking:
                self._clips = self._clips.append_column(rows.schema.field(name), rows[name])

    def values(self, name: str) -> pa.ChunkedArray:
        """A column as it is, but null where a number is not finite."""
        self.need([name])
        return self._clips[name]

    def _numbers(self, name: str) -> npt.NDArray[Any]:
        """A column of numbers; 0 or NaN where there is none (see `missing`)."""
        values = self.values(name)
        if pa.types.is_decimal(values.type):
            values = values.cast(pa.float64())
        numbers: npt.NDArray[Any] = (values if pa.types.is_floating(values.type) else values.fill_null(0)).to_numpy()
        return numbers

    def _missing(self, name: str) -> Mask:
        """Where a column is null; bool [clips]."""
        return _mask(self.values(name).is_null())

    def _groups(self, names: tuple[str, ...]) -> Groups:
        """The clips in groups that are equal in these columns; all in one group for ()."""
        self.need(names)
        return group(self._clips.select(list(names)))

    def _ranking(self, name: str, within: tuple[str, ...]) -> Ranking:
        """The numbers of a column in order, in each group on its own."""
        groups = self.groups(within)
        return Ranking.of(self.numbers(name), self.missing(name), groups.codes, len(groups))

    def _matches(self, name: str, pattern: str) -> Mask:
        """Where a regular expression (RE2) is found in a text; bool [clips]."""
        return _mask(pc.match_substring_regex(self.values(name), pattern).fill_null(False))

    def _is_one_of(self, name: str, wanted: tuple[Any, ...]) -> Mask:
        """Where a column holds one of these values; bool [clips]."""
        values = self.values(name)
        if kind_of(values.type) != "number":
            return _mask(pc.is_in(values, value_set=pa.array(wanted, values.type)))
        numbers = self.numbers(name)
        if pa.types.is_integer(values.type):
            bounds = np.iinfo(numbers.dtype)
            wanted = tuple(int(value) for value in wanted if value == value // 1 and bounds.min <= value <= bounds.max)
        return np.isin(numbers, np.array(wanted, None if len(wanted) else numbers.dtype)) & ~self.missing(name)

    def _sql(self, expression: str) -> Answer:
        """Whether an expression of SQL over columns that are in memory is true for each clip."""
        return Answer(*truth_values(expression, self._clips))


def _mask(values: pa.ChunkedArray) -> Mask:
    mask: Mask = values.to_numpy()
    return mask


def _finite(clips: pa.Table) -> pa.Table:
    for index, field in enumerate(clips.schema):
        if pa.types.is_floating(field.type):
            values = clips.column(index)
            finite = pc.is_finite(values)
            if pc.all(finite).as_py() is False:
                clips = clips.set_column(index, field, pc.if_else(finite, values, pa.scalar(None, field.type)))
    return clips
