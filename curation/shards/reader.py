"""Reading samples of packed shards in any order, through the index: one range of one file per member."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TypedDict

import pyarrow as pa

from curation.dataset.storage import Storage
from curation.shards.manifest import read_index, read_manifest
from curation.shards.record import KEY, SHARD
from curation.shards.sample import ANNOTATIONS, CAPTION

Content = bytes | str | dict[str, Any]


class Place(TypedDict):
    """A shard's file name, and byte offset and size of each member in it, by extension."""

    shard: str
    members: dict[str, list[int]]


class ShardReader:
    """A shards folder as a sequence of samples: a map-style dataset for `torch.utils.data.DataLoader`. Picklable.

    >>> shards = ShardReader("s3://bucket/lvd/shards/lvd-f")
    >>> sample = shards[0]                    # {"__key__": …, "mp4": bytes, "json": {…}, "txt": "…"}
    >>> shards.read(shards.position(key), "json")
    """

    def __init__(self, url: str) -> None:
        """Raises `UserError` where ``url`` holds no whole shards."""
        self.storage = Storage(url)
        self.manifest = read_manifest(self.storage)
        self.index: pa.Table = read_index(self.storage)
        names = set(self.index.column_names)
        sizes = [name.removesuffix("_size") for name in self.index.column_names if name.endswith("_size")]
        self.members = [name for name in sizes if f"{name}_offset" in names]
        self._positions: dict[str, int] | None = None

    def __len__(self) -> int:
        return int(self.index.num_rows)

    def __getitem__(self, position: int) -> dict[str, Any]:
        """All members of a sample, by extension, those of text decoded, and its key as ``__key__``."""
        if not -len(self) <= position < len(self):
            raise IndexError(position)
        position %= len(self)
        found: dict[str, Any] = {"__key__": self.key(position)}
        for member in self.place(position)["members"]:
            found[member] = decoded(member, self.read(position, member))
        return found

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[position] for position in range(len(self)))

    def key(self, position: int) -> str:
        """The clip_id of a sample."""
        return str(self._value(KEY, position))

    def position(self, key: str) -> int:
        """The place of a sample. Raises KeyError."""
        if self._positions is None:
            self._positions = {key: position for position, key in enumerate(self.index[KEY].to_pylist())}
        return self._positions[key]

    def place(self, position: int) -> Place:
        """Where a sample lies."""
        spans = {
            name: [self._value(f"{name}_{what}", position) for what in ("offset", "size")] for name in self.members
        }
        shard = str(self._value(SHARD, position))
        return {"shard": shard, "members": {name: span for name, span in spans.items() if span[0] is not None}}

    def read(self, position: int, member: str) -> bytes:
        """The bytes of one member of a sample. Raises KeyError where it has no such member."""
        place = self.place(position)
        offset, size = place["members"][member]
        return self.storage.read_range(place["shard"], offset, offset + size)

    def _value(self, column: str, position: int) -> Any:
        return self.index[column][position].as_py()


def decoded(member: str, data: bytes) -> Content:
    """JSON as values, captions as text, anything else as it is."""
    if member == ANNOTATIONS:
        values: dict[str, Any] = json.loads(data)
        return values
    return data.decode() if member == CAPTION else data
