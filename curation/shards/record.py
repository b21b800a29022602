"""What is known of a shard that was written: its bytes, what is in it and where, and what had to be left out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

KEY, SHARD = "key", "shard"
_METADATA = b"curation.shard"


@dataclass(frozen=True)
class LeftOut:
    """A clip of the selection that is in no shard. ``shard``: where it would be; None where the dataset has it not."""

    clip_id: str
    shard: str | None
    reason: str


@dataclass(frozen=True)
class Shard:
    """``name``: file name; ``seconds``: of video; ``fingerprint``: over all that the bytes follow from."""

    name: str
    samples: int
    bytes: int
    sha256: str
    seconds: float
    without_caption: int
    fingerprint: str


@dataclass(frozen=True)
class ShardRecord:
    """``index``: one row per sample in the order of the shard: key, shard, for each member ``<extension>_offset`` and
    ``<extension>_size``, and the numbers of the sample by name."""

    shard: Shard
    left_out: Sequence[LeftOut]
    index: pa.Table

    def to_bytes(self) -> bytes:
        """As an Arrow IPC file."""
        told = {"shard": asdict(self.shard), "left_out": [asdict(one) for one in self.left_out]}
        table = self.index.replace_schema_metadata({_METADATA: json.dumps(told)})
        buffer = pa.BufferOutputStream()
        with pa.ipc.new_file(buffer, table.schema) as file:
            file.write_table(table)
        return bytes(buffer.getvalue().to_pybytes())

    @classmethod
    def from_bytes(cls, data: bytes) -> ShardRecord:
        """The reverse of `to_bytes`. Raises ValueError or KeyError where ``data`` is no record."""
        table = pa.ipc.open_file(pa.BufferReader(data)).read_all()
        told: Mapping[str, Any] = json.loads((table.schema.metadata or {})[_METADATA])
        left_out = [LeftOut(**one) for one in told["left_out"]]
        return cls(Shard(**told["shard"]), left_out, table.replace_schema_metadata(None))
