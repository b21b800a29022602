"""How large a shard may be: a number of samples, or of bytes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from curation.errors import UserError

USUAL_BYTES = 10**9
FEWEST_SHARDS = 8
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "KI": 2**10, "MI": 2**20, "GI": 2**30}
_TEXT = re.compile(r"(?P<number>\d+(\.\d+)?)\s*((?P<unit>[KMG]I?|)B)?", re.IGNORECASE)


@dataclass(frozen=True)
class ShardSize:
    """Exactly one of the two is set."""

    samples: int | None = None
    num_bytes: int | None = None

    @classmethod
    def parse(cls, text: str) -> ShardSize:
        """``"1000"`` are samples; ``"1GB"``, ``"500 MB"``, ``"1.5GiB"`` are bytes.

        Raises:
            UserError: it is neither, or zero.
        """
        match = _TEXT.fullmatch(text.strip())
        if match is None or (match["unit"] is None and "." in match["number"]):
            raise UserError(f'--shard-size: a number of samples such as 1000, or of bytes such as 1GB, not "{text}"')
        size = int(float(match["number"]) * _UNITS[(match["unit"] or "").upper()])
        if size < 1:
            raise UserError(f"--shard-size {text}: a shard holds one sample or more")
        return cls(samples=size) if match["unit"] is None else cls(num_bytes=size)

    @classmethod
    def fitting(cls, num_bytes: Sequence[int]) -> ShardSize:
        """For clips of these sizes: `USUAL_BYTES`, or less where that would give fewer than `FEWEST_SHARDS`: loaders
        deal whole shards to their workers."""
        if sum(num_bytes) >= FEWEST_SHARDS * USUAL_BYTES:
            return cls(num_bytes=USUAL_BYTES)
        return cls(samples=max(1, len(num_bytes) // FEWEST_SHARDS))

    def to_dict(self) -> dict[str, int]:
        """For the manifest: {"samples": n} or {"bytes": n}."""
        return {"samples": self.samples} if self.samples is not None else {"bytes": self.num_bytes or 0}
