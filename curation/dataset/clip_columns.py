"""All clips of a dataset, column by column, for stages that see the whole dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from curation.dataset.journal import CLIPS
from curation.dataset.storage import Storage
from curation.dataset.table import fingerprint_of

Positions = npt.NDArray[np.int64]

CLIP_ID = "clip_id"
BLOCK_ROWS = 8192
_READ_BYTES = 2**20


@dataclass(frozen=True)
class ColumnSource:
    """The table that holds a column. ``fingerprint``: only rows made with it count; None: all rows do."""

    folder: str
    fingerprint: str | None = None


def _nobody(count: int) -> None:
    """Progress that nobody is told."""


class ClipColumns:
    """The clips of a dataset in the order of their ids, and columns of them. A clip's position is its number in that
    order. Only ids are kept in memory (33 bytes a clip)."""

    def __init__(
        self, storage: Storage, sources: Mapping[str, ColumnSource], progressed: Callable[[int], None] = _nobody
    ) -> None:
        """``sources``: where each column stands that can be read. ``progressed``: told how many more clips are done."""
        self._storage = storage
        self._sources = dict(sources)
        self.progressed = progressed
        blocks = [_bytes(batch[CLIP_ID]) for _, batch in self._batches(CLIPS, CLIP_ID)]
        self._ids = np.sort(np.concatenate(blocks)) if blocks else np.empty(0, "S1")

    def __len__(self) -> int:
        return len(self._ids)

    def ids(self, positions: Positions | slice) -> pa.Array:
        """The ids of the clips at these positions."""
        return pa.array(self._ids[positions].astype(str), pa.string())

    def positions(self, ids: pa.Array) -> Positions:
        """The positions of the clips with these ids; −1 where there is no such clip."""
        wanted = _bytes(ids)
        if not len(self):
            return np.full(len(wanted), -1, np.int64)
        positions = np.minimum(np.searchsorted(self._ids, wanted), len(self) - 1)
        return np.where(self._ids[positions] == wanted, positions, -1)

    def blocks(self, column: str, rows: int = BLOCK_ROWS) -> Iterator[tuple[Positions, pa.Array]]:
        """The values that are not null and the positions of their clips, at most ``rows`` at once, as they are stored:
        in no certain order. Values that other parameters made than those of this pipeline are left out."""
        source = self._sources[column]
        for fingerprint, batch in self._batches(source.folder, column, rows):
            if source.fingerprint in (None, fingerprint):
                positions = self.positions(batch[CLIP_ID])
                chosen = (positions >= 0) & batch[column].is_valid().to_numpy(zero_copy_only=False)
                if chosen.any():
                    yield positions[chosen], batch[column].filter(pa.array(chosen))

    def read(self, column: str) -> pa.ChunkedArray:
        """A whole column of small values, one per clip by position; null where `blocks` has none."""
        found = list(self.blocks(column))
        if not found:
            return pa.chunked_array([pa.nulls(len(self))])
        where = np.full(len(self), -1, np.int64)
        positions = np.concatenate([positions for positions, _ in found])
        where[positions] = np.arange(len(positions))
        return pa.chunked_array([values for _, values in found]).take(pa.array(where, mask=where < 0))

    def _batches(self, folder: str, column: str, rows: int = BLOCK_ROWS) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Of each part of a table that has the column: its fingerprint, and rows of clip_id and the column."""
        for part in self._storage.files(folder, ".parquet"):
            with (
                self._storage.open(part) as opened,
                pq.ParquetFile(opened, buffer_size=_READ_BYTES, pre_buffer=False) as file,
            ):
                if column in file.schema_arrow.names:
                    fingerprint = fingerprint_of(file.schema_arrow.empty_table())
                    names = list(dict.fromkeys((CLIP_ID, column)))
                    for batch in file.iter_batches(rows, columns=names, use_threads=False):
                        yield fingerprint, batch


def _bytes(ids: pa.Array) -> npt.NDArray[np.bytes_]:
    return np.asarray(ids.to_numpy(zero_copy_only=False), "S")
