"""Columns of the wide table in memory: what filters are evaluated on, again and again while thresholds move."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curation.dataset.column_types import kind_of
from curation.dataset.fingerprint import dataset_fingerprint
from curation.dataset.journal import CLIPS
from curation.dataset.storage import Storage
from curation.dataset.wide import CLIP_ID, DURATION, Column, columns, view
from curation.errors import UserError
from curation.filters.groups import Groups, group
from curation.filters.once import Once
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
    """One row per clip, in the order of clip_id. ``columns``: all columns of the dataset; they are read when needed.

    What is asked is kept: numbers, rankings and groups for good, of the answers to questions about texts and in SQL
    the last `RESULTS_KEPT`. So only what changed costs time. May be used by several threads.
    """

    def __init__(
        self,
        known: Mapping[str, Column],
        fetch: Callable[[Sequence[Column]], pa.Table],
        dataset: str = "",
        fingerprint: str = "",
    ) -> None:
        """``known``: all columns; ``fetch``: gives some of them, in the order of clip_id; ``dataset``: its URL, for
        messages; ``fingerprint``: that of the dataset before anything was read from it."""
        self.columns = dict(known)
        self.dataset = dataset
        self.fingerprint = fingerprint
        self._fetch = fetch
        self._clips: pa.Table | None = None
        self._lock = threading.Lock()
        self.numbers = lru_cache(maxsize=None)(self._numbers)
        self.missing = lru_cache(maxsize=None)(self._missing)
        self.groups = lru_cache(maxsize=None)(self._groups)
        self.ranking = lru_cache(maxsize=None)(self._ranking)
        self.matches = lru_cache(RESULTS_KEPT)(self._matches)
        self.is_one_of = lru_cache(RESULTS_KEPT)(self._is_one_of)
        self.sql = Once(self._sql, RESULTS_KEPT)

    @classmethod
    def open(cls, storage: Storage) -> ClipTable:
        """The clips of a dataset. Of its files only the footers are read at once.

        Raises:
            UserError: as `curation.dataset.wide.columns`.
        """

        def fetch(wanted: Sequence[Column]) -> pa.Table:
            rows = view(storage, wanted).sql(f"FROM clips ORDER BY {CLIP_ID}").to_arrow_table()
            ids = rows[CLIP_ID]
            if pc.any(pc.equal(ids[1:], ids[:-1])).as_py():
                raise UserError(
                    f"{storage.url}: a table holds a clip twice: a run is writing to it, or was killed while it did; "
                    "wait until it is done, or give the same run again"
                )
            return rows

        fingerprint = dataset_fingerprint(storage)
        return cls(columns(storage), fetch, storage.url, fingerprint)

    @classmethod
    def of(cls, clips: pa.Table) -> ClipTable:
        """A table that is in memory: clip_id, duration_s and any further columns, in any order."""
        known = {field.name: Column(field.name, field.type, CLIPS, field.name) for field in clips.schema}
        ordered = clips.sort_by(CLIP_ID)
        return cls(known, lambda wanted: ordered.select([column.name for column in wanted]))

    def __len__(self) -> int:
        return int(self.need().num_rows)

    @cached_property
    def seconds(self) -> npt.NDArray[np.float64]:
        """The length of each clip, float64 [clips]."""
        length: npt.NDArray[np.float64] = self.values(DURATION).fill_null(0).to_numpy()
        return length

    def need(self, names: Iterable[str] = ()) -> pa.Table:
        """Bring columns into memory, all that are lacking with one query; returns all that are there.

        Raises:
            UserError: the clips are no longer those of when the table was opened; a table holds a clip twice, because a
                run is writing to it.
        """
        with self._lock:
            there = [] if self._clips is None else self._clips.column_names
            lacking = [name for name in dict.fromkeys([DURATION, *names]) if name not in there and name != CLIP_ID]
            if self._clips is not None and not lacking:
                return self._clips
            rows = _finite(self._fetch([self.columns[name] for name in [CLIP_ID, *lacking]]))
            if self._clips is None:
                self._clips = rows
                return rows
            if not rows[CLIP_ID].equals(self._clips[CLIP_ID]):
                raise UserError("the dataset has changed since it was opened; open it again")
            for name in lacking:
                self._clips = self._clips.append_column(rows.schema.field(name), rows[name])
            return self._clips

    def values(self, name: str) -> pa.ChunkedArray:
        """A column as it is, but null where a number is not finite."""
        return self.need([name])[name]

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
        return group(self.need(names).select(list(names)))

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
        else:
            wanted = tuple(float(value) for value in wanted if float(value) == value)
        return np.isin(numbers, np.array(wanted, None if len(wanted) else numbers.dtype)) & ~self.missing(name)

    def _sql(self, expression: str, names: tuple[str, ...], seconds: float) -> Answer:
        """Whether an expression of SQL over the columns ``names`` is true for each clip; it may take ``seconds``."""
        clips = self.need(names).select([CLIP_ID, *(name for name in names if name != CLIP_ID)])
        return Answer(*truth_values(expression, clips, seconds))


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
