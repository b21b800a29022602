"""removals.jsonl: what was taken out of a dataset, when and why; nothing of the sources themselves."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from curation.dataset.storage import Storage

RECORD = "removals.jsonl"
REMOVED, REFUSED, READMITTED = "removed", "refused", "readmitted"


@dataclass(frozen=True)
class Removed:
    """The sources that may not come back: hashes of their contents (video_id) and of their names."""

    video_ids: Collection[str]
    names: Collection[str]

    @classmethod
    def of(cls, storage: Storage) -> Removed:
        """What the last word of the record on each content is."""
        video_ids: set[str] = set()
        names: dict[str, set[str]] = {}
        for entry in read_record(storage):
            video_id = entry["video_id"]
            names.setdefault(video_id, set()).update(entry.get("sources_sha256", ()))
            (video_ids.discard if entry["event"] == READMITTED else video_ids.add)(video_id)
        return cls(video_ids, {name for video_id in video_ids for name in names[video_id]})

    def has(self, source: str) -> bool:
        """Whether this source was taken out under this name."""
        return name_hash(source) in self.names


def read_record(storage: Storage) -> list[dict[str, Any]]:
    """All entries, the oldest first."""
    if not storage.exists(RECORD):
        return []
    return [json.loads(line) for line in storage.read_bytes(RECORD).decode().splitlines() if line]


def append(storage: Storage, entries: Sequence[Mapping[str, Any]]) -> None:
    """Add entries that are not there yet."""
    if not entries:
        return
    there = read_record(storage)
    lines = [json.dumps(entry, ensure_ascii=False) for entry in [*there, *(e for e in entries if e not in there)]]
    storage.write_bytes(RECORD, "".join(f"{line}\n" for line in lines).encode())


def refuse(storage: Storage, names: Mapping[str, str]) -> None:
    """Remember further names, by source, of contents (video_id) that may not come back."""
    entries = [(video_id, name_hash(source)) for source, video_id in names.items()]
    append(
        storage,
        [{"event": REFUSED, "time": now(), "video_id": one, "sources_sha256": [name]} for one, name in sorted(entries)],
    )


def readmit(storage: Storage, video_ids: Iterable[str]) -> None:
    """Let contents come back."""
    append(storage, [{"event": READMITTED, "time": now(), "video_id": video_id} for video_id in sorted(video_ids)])


def name_hash(source: str) -> str:
    """SHA-256 of a source's path or URL, in hex."""
    return hashlib.sha256(source.encode(errors="surrogateescape")).hexdigest()


def now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
