"""Rows of the table `clips`, found by their ids."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.dataset.duck import connect, quoted, scan
from curation.dataset.journal import CLIPS
from curation.dataset.storage import Storage
from curation.dataset.wide import CLIP_ID
from curation.filters import ClipTable

NEEDED = ("clip_id", "video_id", "source", "start_s", "end_s", "width", "height", "fps", "media", "bytes")
MOST_KEPT = 20_000
_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")

Row = Mapping[str, Any]


class ClipRows:
    """Looks clips up in the Parquet files; those that were asked for last are kept. May be used by several threads."""

    def __init__(self, storage: Storage, table: ClipTable) -> None:
        self._storage, self._table = storage, table
        self._kept: OrderedDict[str, Row] = OrderedDict()
        self._lock = threading.Lock()

    def ids(self, rows: npt.NDArray[np.intp]) -> list[str]:
        """The clips of rows of the table in memory."""
        found: list[str] = self._table.values(CLIP_ID).take(rows).to_pylist()
        return found

    def row(self, clip_id: str) -> int | None:
        """The row of a clip in the table in memory, which is sorted; None: it is not there."""
        ids = self._table.values(CLIP_ID)
        low, high = 0, len(ids)
        while low < high:
            middle = (low + high) // 2
            if ids[middle].as_py() < clip_id:
                low = middle + 1
            else:
                high = middle
        return low if low < len(ids) and ids[low].as_py() == clip_id else None

    def get(self, clip_ids: Iterable[str]) -> dict[str, Row]:
        """The columns `NEEDED` of these clips; ids that are none, or of no clip, are left out."""
        wanted = [clip_id for clip_id in dict.fromkeys(clip_ids) if _ID.fullmatch(clip_id)]
        with self._lock:
            found = {clip_id: self._kept[clip_id] for clip_id in wanted if clip_id in self._kept}
        lacking = [clip_id for clip_id in wanted if clip_id not in found]
        if lacking:
            read = {str(row[CLIP_ID]): row for row in self._read(lacking)}
            with self._lock:
                self._kept.update(read)
                while len(self._kept) > MOST_KEPT:
                    self._kept.popitem(last=False)
            found |= read
        return {clip_id: found[clip_id] for clip_id in wanted if clip_id in found}

    def _read(self, clip_ids: list[str]) -> list[dict[str, Any]]:
        parts = self._storage.files(CLIPS, ".parquet")
        if not parts:
            return []
        columns = ", ".join(quoted(name) for name in NEEDED)
        query = f"SELECT {columns} FROM {scan(self._storage, parts)} WHERE {CLIP_ID} IN (SELECT unnest(?::VARCHAR[]))"
        rows: list[dict[str, Any]] = connect(self._storage).sql(query, params=[clip_ids]).to_arrow_table().to_pylist()
        return rows
