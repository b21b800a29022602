"""Cached latents beside the shards: SHARDS/latents/<fingerprint>/.

latents.json        what they follow from; there if and only if the folder is whole
index.parquet       one row per clip and rate: where its tensors lie, how many frames, how the picture was cut
000000.safetensors  those of the clips of one shard: "<key>/<rate>" (T, C, h, w), "<key>/<rate>/image" (T, D) and
                    "<key>/<caption column>" (L, D)
empty.safetensors   "context" (L, D): the embedding of no caption
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch

from models.diffusion.data.errors import ClipError, DataError
from models.diffusion.data.files import Files
from models.diffusion.data.fingerprint import differences, fingerprint
from models.diffusion.data.picture import Cut

FOLDER = "latents"
TOLD, INDEX, EMPTY = "latents.json", "index.parquet", "empty.safetensors"
CONTEXT = "context:"
DTYPES: Mapping[str, torch.dtype] = {"fp16": torch.float16, "fp32": torch.float32}
# One row of index.parquet, besides a column "context:<caption column>" for each caption.
INDEX_SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("rate", pa.int32()),
        ("file", pa.string()),
        ("frames", pa.int32()),
        ("channels", pa.int32()),
        ("height", pa.int32()),
        ("width", pa.int32()),
        ("offset", pa.int64()),
        ("image_offset", pa.int64()),
        ("cut_top", pa.int32()),
        ("cut_left", pa.int32()),
        ("clip_height", pa.int32()),
        ("clip_width", pa.int32()),
        ("reason", pa.string()),
    ]
)


@dataclass(frozen=True)
class Entry:
    """A clip at one rate. ``shape``: (T, C, h, w); offsets in bytes of ``file``; ``contexts``: by caption column."""

    file: str
    shape: tuple[int, int, int, int]
    offset: int
    image_offset: int | None
    contexts: Mapping[str, int]
    cut: Cut


class Latents:
    """Those of one folder of shards. Picklable."""

    def __init__(self, files: Files, keys: pa.Array) -> None:
        """``keys``: of the clips of the shards, in their order.

        Raises:
            DataError: they are damaged.
        """
        self._files = files
        try:
            told = json.loads(files.read_all(TOLD))
            self._context_shape: tuple[int, int] | None = told["context_shape"] and tuple(told["context_shape"])
            self._image_width: int | None = told["image_width"]
            self._dtype = DTYPES[told["follows_from"]["precision"]]
            self._index = pq.read_table(io.BytesIO(files.read_all(INDEX)))
            self.empty_context = self._empty()
        except (OSError, EOFError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
            raise DataError(f"{files.url}: these latents are damaged ({error}); delete the folder") from error
        self._columns = [name for name in self._index.column_names if name.startswith(CONTEXT)]
        rates = self._index["rate"].to_numpy()
        self._rows: dict[int, Any] = {}
        for rate in np.unique(rates).tolist():
            at = np.flatnonzero(rates == rate)
            places = pc.index_in(keys, value_set=self._index["key"].take(pa.array(at)).combine_chunks())
            self._rows[rate] = np.concatenate([at, [-1]])[places.fill_null(len(at)).to_numpy(zero_copy_only=False)]

    def entry(self, row: int, rate: int) -> Entry:
        """The clip with this number among the shards' clips. Raises ClipError where it has no latents."""
        place = int(self._rows[rate][row]) if rate in self._rows else -1
        if place < 0:
            raise ClipError("has no latents at this rate")
        told = self._index.slice(place, 1).to_pylist()[0]
        if told["reason"] is not None:
            raise ClipError(told["reason"])
        return Entry(
            told["file"],
            (told["frames"], told["channels"], told["height"], told["width"]),
            told["offset"],
            told["image_offset"],
            {name.removeprefix(CONTEXT): told[name] for name in self._columns if told[name] is not None},
            Cut(told["cut_top"], told["cut_left"], told["clip_height"], told["clip_width"]),
        )

    def frames(self, entry: Entry, start: int, count: int) -> torch.Tensor:
        """(count, C, h, w). Raises ClipError."""
        num_frames, *shape = entry.shape
        if start + count > num_frames:
            raise ClipError(f"has latents of {num_frames} frames, fewer than its index tells")
        return self._tensor(entry.file, entry.offset, start, (count, *shape))

    def context(self, entry: Entry, column: str | None) -> torch.Tensor | None:
        """(L, D) of one of the clip's captions, or of none; None where no text was encoded. Raises ClipError."""
        if self._context_shape is None:
            return None
        if column is None:
            return self.empty_context
        if column not in entry.contexts:
            raise ClipError(f"has no embedding of its {column}")
        return self._tensor(entry.file, entry.contexts[column], 0, self._context_shape)

    def image_context(self, entry: Entry, start: int) -> torch.Tensor | None:
        """(1, D) of the frame ``start``; None where no frames were encoded. Raises ClipError."""
        if self._image_width is None or entry.image_offset is None:
            return None
        return self._tensor(entry.file, entry.image_offset, start, (1, self._image_width))

    def _tensor(self, file: str, offset: int, start: int, shape: tuple[int, ...]) -> torch.Tensor:
        """``shape[0]`` rows from row ``start`` on of the tensor at ``offset``."""
        row = int(np.prod(shape[1:])) * self._dtype.itemsize
        try:
            data = self._files.read(file, offset + start * row, shape[0] * row)
        except (OSError, EOFError) as error:
            raise ClipError(f"its latents in {self._files.url}/{file} cannot be read: {error}") from error
        return torch.frombuffer(bytearray(data), dtype=self._dtype).reshape(shape)

    def _empty(self) -> torch.Tensor | None:
        if self._context_shape is None:
            return None
        from safetensors.torch import load

        return load(self._files.read_all(EMPTY))["context"]


def latents_folder(shards: Files, follows_from: Mapping[str, Any]) -> Files:
    """Where the latents that follow from these things are."""
    return Files(f"{shards.url}/{FOLDER}/{fingerprint(follows_from)}")


def why_not_cached(shards: Files, follows_from: Mapping[str, Any]) -> str | None:
    """None where the latents are there and whole; else what is there instead, in words."""
    if latents_folder(shards, follows_from).exists(TOLD):
        return None
    others = other_latents(shards)
    if not others:
        return f"{shards.url} has no cached latents"
    name, facts = min(others.items(), key=lambda item: (len(differences(follows_from, item[1])), item[0]))
    return f"{shards.url}/{FOLDER}/{name} is of another kind: {differences(follows_from, facts)}"


def other_latents(shards: Files) -> dict[str, dict[str, Any]]:
    """What the whole latents beside these shards follow from, by fingerprint."""
    parent = Files(f"{shards.url}/{FOLDER}")
    try:
        names = [str(path).rstrip("/").rsplit("/", 1)[1] for path in parent.fs.ls(parent.root, detail=False)]
    except (FileNotFoundError, NotADirectoryError):
        return {}
    found = {}
    for name in sorted(names):
        try:
            found[name] = dict(json.loads(parent.read_all(f"{name}/{TOLD}"))["follows_from"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return found
