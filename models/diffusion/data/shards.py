"""Packed shards as a table of clips: what is in manifest.json and index.parquet, and reading of their members."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from models.diffusion.data.errors import ClipError, DataError
from models.diffusion.data.files import Files

MANIFEST, INDEX = "manifest.json", "index.parquet"
FORMAT_VERSION = 1
MOTION = "motion_score"
_MEMBERS = ("mp4_offset", "mp4_size", "json_offset", "json_size")
_FACTS = ("num_frames", "fps", "width", "height")
_PACK_AGAIN = "write them anew with: curation pack"

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Clip:
    """One row: where a clip lies, and what its media is like. ``fps``: its mean rate; ``row``: its number."""

    row: int
    key: str
    folder: int
    shard: str
    mp4: tuple[int, int]
    json: tuple[int, int]
    num_frames: int
    fps: float
    width: int
    height: int


class Shards:
    """The clips of one or several folders of shards, in the order of their indexes. Picklable.

    About 120 bytes of memory a clip, which processes that are forked share.
    """

    def __init__(self, urls: Sequence[str], extra: Sequence[str] = ()) -> None:
        """``extra``: columns of numbers to keep, besides `MOTION`; ones that no index has are NaN throughout.

        Raises:
            DataError: a folder holds no whole shards, or other ones than its manifest tells.
        """
        if not urls:
            raise DataError("no shards are given: name the folders that `curation pack` wrote")
        self.folders = [Files(url) for url in urls]
        manifests = [_manifest(folder) for folder in self.folders]
        self.manifests: list[dict[str, Any]] = [told for told, _ in manifests]
        self.manifest_hashes: list[str] = [digest for _, digest in manifests]
        self.extra = tuple(dict.fromkeys((*extra, MOTION)))
        self.columns: list[str] = []  # of numbers, in any index
        tables = [self._table(number) for number in range(len(self.folders))]
        self.starts = np.cumsum([0, *(table.num_rows for table in tables)])
        table = pa.concat_tables(tables, promote_options="permissive").combine_chunks()
        self._keys = table["key"].combine_chunks()
        shard = table["shard"].combine_chunks().dictionary_encode()
        self._shard_names: list[str] = shard.dictionary.to_pylist()
        self._shard = np.asarray(shard.indices)
        self._places = {name: table[name].to_numpy() for name in _MEMBERS}
        self.facts = {name: _floats(table, name) for name in _FACTS}
        self.numbers = {name: _floats(table, name if name in self.columns else "") for name in self.extra}

    def __len__(self) -> int:
        return len(self._keys)

    def clip(self, row: int) -> Clip:
        """A row of the table."""
        places = [int(self._places[name][row]) for name in _MEMBERS]
        return Clip(
            row,
            self._keys[row].as_py(),
            int(np.searchsorted(self.starts, row, side="right")) - 1,
            self._shard_names[self._shard[row]],
            (places[0], places[1]),
            (places[2], places[3]),
            int(self.facts["num_frames"][row]),
            float(self.facts["fps"][row]),
            int(self.facts["width"][row]),
            int(self.facts["height"][row]),
        )

    def keys_of(self, folder: int) -> pa.Array:
        """The clip ids of one folder, in its order."""
        start, end = self.starts[folder : folder + 2].tolist()
        return self._keys.slice(start, end - start)

    def keys(self, rows: npt.NDArray[np.int64]) -> list[str]:
        """The clip ids of these rows."""
        keys: list[str] = self._keys.take(pa.array(rows)).to_pylist()
        return keys

    def annotations(self, clip: Clip) -> dict[str, Any]:
        """The content of a clip's ``key.json``. Raises ClipError."""
        return _annotations(self._read(clip, *clip.json))

    def media(self, clip: Clip) -> BinaryIO:
        """A clip's video as a file. Raises ClipError."""
        return self._opened(clip, *clip.mp4)

    def media_and_annotations(self, clip: Clip) -> tuple[BinaryIO, dict[str, Any]]:
        """Both; on an object store with one request, as the two stand side by side. Raises ClipError."""
        start, size = clip.mp4
        end = clip.json[0] + clip.json[1]
        if self.folders[clip.folder].is_local or not start < clip.json[0] <= start + size + 4096:
            return self.media(clip), self.annotations(clip)
        data = self._read(clip, start, end - start)
        return io.BytesIO(data[:size]), _annotations(data[clip.json[0] - start :])

    def where(self, clip: Clip) -> str:
        """Folder and file of a clip, for messages."""
        return f"{self.folders[clip.folder].url}/{clip.shard}"

    def _read(self, clip: Clip, offset: int, size: int) -> bytes:
        try:
            return self.folders[clip.folder].read(clip.shard, offset, size)
        except (OSError, EOFError) as error:
            raise ClipError(_reason(error)) from error

    def _opened(self, clip: Clip, offset: int, size: int) -> BinaryIO:
        try:
            return self.folders[clip.folder].open_range(clip.shard, offset, size)
        except (OSError, EOFError) as error:
            raise ClipError(_reason(error)) from error

    def _table(self, number: int) -> pa.Table:
        """The index of a folder, checked against its manifest and its files."""
        files, manifest = self.folders[number], self.manifests[number]
        place = f"{files.url}/{INDEX}"
        try:
            data = files.read_all(INDEX)
            schema = pq.read_schema(io.BytesIO(data))
            numbers = [one.name for one in schema if pa.types.is_floating(one.type) or pa.types.is_integer(one.type)]
            self.columns = list(dict.fromkeys((*self.columns, *numbers)))
            known = [*numbers, *({"key", "shard"} & set(schema.names))]
            missing = [name for name in ("key", "shard", *_MEMBERS, *_FACTS) if name not in known]
            if missing:
                raise DataError(f"{place}: has no column {missing[0]}; {_PACK_AGAIN}")
            chosen = [
                name for name in dict.fromkeys(("key", "shard", *_MEMBERS, *_FACTS, *self.extra)) if name in known
            ]
            table = pq.read_table(io.BytesIO(data), columns=chosen)
        except FileNotFoundError as error:
            raise DataError(f"{place}: is missing; {_PACK_AGAIN}") from error
        except pa.ArrowException as error:
            raise DataError(f"{place}: cannot be read as an index: {_reason(error)}; {_PACK_AGAIN}") from error
        except OSError as error:
            raise DataError(f"{place}: cannot be read: {_reason(error)}") from error
        shards = {one["name"]: one for one in manifest["shards"]}
        if table.num_rows != manifest["counts"]["samples"] or not set(table["shard"].unique().to_pylist()) <= set(
            shards
        ):
            raise DataError(f"{place}: does not belong to {MANIFEST} beside it; {_PACK_AGAIN}")
        sizes = files.sizes()
        for name, told in shards.items():
            if sizes.get(name) != told["bytes"]:
                found = f"has {sizes[name]:,} bytes instead of {told['bytes']:,}" if name in sizes else "is missing"
                raise DataError(f"{files.url}/{name}: {found}; {_PACK_AGAIN}")
        return table


def _manifest(files: Files) -> tuple[dict[str, Any], str]:
    """Content and SHA-256 of a manifest."""
    place = f"{files.url}/{MANIFEST}"
    try:
        data = files.read_all(MANIFEST)
        told = json.loads(data)
        version, _, _ = told["format_version"], told["shards"], told["counts"]["samples"]
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(f"{files.url}: no whole shards; write them with: curation pack") from error
    except OSError as error:
        raise DataError(f"{place}: cannot be read: {_reason(error)}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{place}: cannot be read as the manifest of shards: {_reason(error)}; {_PACK_AGAIN}"
        ) from error
    if version != FORMAT_VERSION:
        raise DataError(f"{place}: shards of format version {version}; this program reads {FORMAT_VERSION}")
    return told, hashlib.sha256(data).hexdigest()


def _annotations(data: bytes) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(data)
    except ValueError as error:
        raise ClipError(f"its json is damaged: {_reason(error)}") from error
    return found


def _floats(table: pa.Table, name: str) -> npt.NDArray[np.float64]:
    """A column as numbers, NaN where it is null or not there."""
    if name not in table.column_names:
        return np.full(table.num_rows, np.nan)
    return np.asarray(table[name].cast(pa.float64()).to_numpy(), np.float64)


def _reason(error: BaseException) -> str:
    return " ".join(str(getattr(error, "strerror", None) or error).split()) or type(error).__name__
