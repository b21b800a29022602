"""Where clips come from and where their files are, in little memory: what clips of one video share is kept once."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curation.dataset.duck import connect, scan
from curation.dataset.journal import CLIPS
from curation.dataset.storage import Storage
from curation.dataset.wide import CLIP_ID
from curation.errors import UserError
from curation.filters import ClipTable

START = "start_s"
FILM = ("video_id", "source", "media")
# Stands in the names of media files for the id of the clip.
_ID = "\x01"

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Place:
    """One clip. ``media``: its file in the dataset, as the table names it."""

    row: int
    clip_id: str
    video_id: str
    source: str
    media: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class _Films:
    """``codes``: int32 [clips], which of ``films`` (video_id, source, media) a clip belongs to."""

    codes: npt.NDArray[np.int32]
    films: pa.Table


class Places:
    """Looks up clips by id and by row of the table. It reads the columns that it needs when it is first
    asked. May be used by several threads."""

    def __init__(self, storage: Storage, table: ClipTable) -> None:
        self._storage, self._table = storage, table
        self._films: _Films | None = None
        self._lock = threading.Lock()

    def row(self, clip_id: str) -> int | None:
        """The row of a clip in the table, which is sorted; None: there is no such clip."""
        ids = self._table.values(CLIP_ID)
        low, high = 0, len(ids)
        while low < high:
            middle = (low + high) // 2
            if ids[middle].as_py() < clip_id:
                low = middle + 1
            else:
                high = middle
        return low if low < len(ids) and ids[low].as_py() == clip_id else None

    def find(self, clip_id: str) -> Place | None:
        """A clip by its id; None: there is no such clip."""
        row = self.row(clip_id)
        return None if row is None else self.at(np.array([row]))[0]

    def at(self, rows: Rows) -> list[Place]:
        """The clips of rows of the table, in that order."""
        known = self._read()
        ids = self._table.values(CLIP_ID).take(rows).to_pylist()
        films = known.films.take(known.codes[rows]).to_pylist()
        starts, seconds = self._table.numbers(START)[rows], self._table.seconds[rows]
        return [
            Place(
                int(row),
                clip_id,
                film["video_id"] or "",
                film["source"] or "",
                (film["media"] or "").replace(_ID, clip_id),
                float(start),
                float(start + length),
            )
            for row, clip_id, film, start, length in zip(rows, ids, films, starts, seconds, strict=True)
        ]

    def of_same_video(self, row: int, most: int) -> list[Place]:
        """The clips of the video that a row belongs to, in order of time; at most ``most``."""
        codes = self._read().codes
        rows = np.flatnonzero(codes == codes[row])
        return self.at(rows[np.argsort(self._table.numbers(START)[rows], kind="stable")][:most])

    def _read(self) -> _Films:
        with self._lock:
            if self._films is None:
                self._films = _films(self._storage)
                if len(self._films.codes) != len(self._table):
                    self._films = None
                    raise UserError("the dataset has changed since it was opened; load the page again")
            return self._films


def _films(storage: Storage) -> _Films:
    parts = storage.files(CLIPS, ".parquet")
    if not parts:
        return _Films(np.zeros(0, np.int32), pa.schema([(name, pa.string()) for name in FILM]).empty_table())
    connection = connect(storage)
    clips = (
        f"SELECT clip_id, video_id, source, replace(media, clip_id, {_literal(_ID)}) AS media "
        f"FROM {scan(storage, parts)}"
    )
    connection.execute(f"CREATE TEMP TABLE films AS SELECT DISTINCT video_id, source, media FROM ({clips})")
    same = " AND ".join(f"clips.{name} IS NOT DISTINCT FROM films.{name}" for name in FILM)
    codes = connection.sql(
        f"SELECT films.rowid::INTEGER AS film FROM ({clips}) AS clips JOIN films ON {same} ORDER BY clip_id"
    ).to_arrow_table()
    films = connection.sql("SELECT video_id, source, media FROM films ORDER BY rowid").to_arrow_table()
    return _Films(codes["film"].to_numpy(), films)


def _literal(text: str) -> str:
    return f"chr({ord(text)})"
