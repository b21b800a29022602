"""Which content each source holds: its hash, read once and remembered until size or modification time changes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from curation.dataset.storage import Storage
from curation.dataset.table import read_part, write_part
from curation.errors import ItemError, UserError
from curation.sources.discover import SourceRef
from curation.sources.fetch import identity, stamp

STATE = "_state/sources.parquet"
STATE_SCHEMA = pa.schema(
    [("source", pa.string()), ("video_id", pa.string()), ("bytes", pa.int64()), ("stamp", pa.string())]
)
IDENTITY_SCHEMA = STATE_SCHEMA.append(pa.field("error", pa.string()))
STAT_THREADS = 32
SMALL_BYTES = 2**28


@dataclass(frozen=True)
class IdentifiedSource:
    """A source and its content. ``error``: why it cannot be read; its ``video_id`` then follows from its name."""

    source: str
    columns: Mapping[str, Any]
    video_id: str
    num_bytes: int | None
    error: str | None = None


class SourceIdentities:
    """Identities of a list of sources, known ones from the dataset's state."""

    def __init__(self, storage: Storage, sources: Sequence[SourceRef], removed: Collection[str] = ()) -> None:
        """``removed``: contents that are passed over, and not remembered."""
        self.storage = storage
        self.sources = sources
        self.removed = removed
        self._known = _remembered(storage)
        with ThreadPoolExecutor(STAT_THREADS) as threads:
            stamps = list(threads.map(_stamp, sources))
        self.unknown = [
            ref.url
            for ref, now in zip(sources, stamps, strict=True)
            if ref.url not in self._known or now is None or self._known[ref.url][2] != now
        ]

    def read_unknown(self, on_workers: Callable[[Sequence[str]], Iterable[dict[str, Any]]]) -> list[IdentifiedSource]:
        """Hash what is not known yet, on workers where it is much; all sources in order."""
        errors: dict[str, str] = {}
        if self.unknown:
            for row in (identify if self._are_small() else on_workers)(self.unknown):
                if row["error"] is None:
                    self._known[row["source"]] = (row["video_id"], row["bytes"], row["stamp"])
                else:
                    errors[row["source"]] = row["error"]
            self._remember()
        return self.all(errors)

    def all(self, errors: Mapping[str, str] | None = None) -> list[IdentifiedSource]:
        """All sources in order; those with neither identity nor error, and removed ones, are left out."""
        errors = errors or {}
        found = []
        for ref in self.sources:
            if ref.url in errors:
                error = errors[ref.url]
                found.append(IdentifiedSource(ref.url, ref.columns, unreadable_id(ref.url), None, error))
            elif ref.url in self._known:
                video_id, num_bytes, _ = self._known[ref.url]
                if video_id not in self.removed:
                    found.append(IdentifiedSource(ref.url, ref.columns, video_id, num_bytes))
        return found

    @property
    def refused(self) -> dict[str, str]:
        """Removed contents among the sources: name → video_id."""
        known = {ref.url: self._known[ref.url][0] for ref in self.sources if ref.url in self._known}
        return {name: video_id for name, video_id in known.items() if video_id in self.removed}

    def _are_small(self) -> bool:
        """Whether reading the unknown ones here takes less time than to start a Ray task for it."""
        try:
            return sum(os.path.getsize(url) for url in self.unknown) <= SMALL_BYTES
        except OSError:
            return False

    def _remember(self) -> None:
        rows = [
            {"source": source, "video_id": video_id, "bytes": num_bytes, "stamp": seen}
            for source, (video_id, num_bytes, seen) in sorted(self._known.items())
            if video_id not in self.removed
        ]
        write_part(self.storage, STATE, pa.Table.from_pylist(rows, schema=STATE_SCHEMA), "")


def unreadable_id(source: str) -> str:
    """The id of a source whose content cannot be read."""
    return hashlib.sha256(f"unreadable:{source}".encode(errors="surrogateescape")).hexdigest()[:32]


def _remembered(storage: Storage) -> dict[str, tuple[str, int, str]]:
    """Content, size and stamp of known sources; nothing where the file is damaged: they are hashed again then."""
    if not storage.exists(STATE):
        return {}
    try:
        rows = read_part(storage, STATE)[0].to_pylist()
    except UserError:
        return {}
    return {row["source"]: (row["video_id"], row["bytes"], row["stamp"]) for row in rows}


def _stamp(ref: SourceRef) -> str | None:
    try:
        return ref.stamp or stamp(ref.url)
    except ItemError:
        return None


def identify(sources: Sequence[str]) -> list[dict[str, Any]]:
    """Read each source; rows of `IDENTITY_SCHEMA`, in order."""
    rows = []
    for source in sources:
        row: dict[str, Any] = dict.fromkeys(("source", "video_id", "bytes", "stamp", "error")) | {"source": source}
        try:
            found = identity(source)
            row |= {"video_id": found.video_id, "bytes": found.bytes, "stamp": found.stamp}
        except ItemError as error:
            row["error"] = str(error)
        rows.append(row)
    return rows
