"""Computing latents and embeddings ahead: what `Latents` reads.

Each shard's file is published whole, so that a run that was stopped goes on where it was, and several processes can
share the work; `latents.json` comes last.
"""

from __future__ import annotations

import errno
import io
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor
from torch.utils.data import Dataset

from models.diffusion.autoencoder import Autoencoder
from models.diffusion.data.buckets import grid_points, nearest_sizes, read_rate
from models.diffusion.data.errors import ClipError, DataError
from models.diffusion.data.files import ASIDE
from models.diffusion.data.fingerprint import FORMAT, Encoders, told
from models.diffusion.data.latents import CONTEXT, DTYPES, EMPTY, INDEX, INDEX_SCHEMA, TOLD, latents_folder
from models.diffusion.data.picture import Cut
from models.diffusion.data.pixels import read_pixels
from models.diffusion.data.read_ahead import read_ahead
from models.diffusion.data.safetensors_writer import SafetensorsWriter, data_start
from models.diffusion.data.settings import DataSettings
from models.diffusion.data.shards import Shards
from models.diffusion.text_encoder import ImageEncoder, TextEncoder

_ROWS = "rows"
_TEXTS_AT_ONCE = 256
_FRAMES_AT_ONCE = 64


@dataclass(frozen=True)
class Models:
    """The encoders; None for those that the recipe does not use."""

    autoencoder: Autoencoder
    text: TextEncoder | None = None
    image: ImageEncoder | None = None

    def identities(self) -> Encoders:
        """For the fingerprint."""
        return Encoders(
            self.autoencoder.identity,
            self.text.identity if self.text is not None else None,
            self.image.identity if self.image is not None else None,
        )


@dataclass(frozen=True)
class Cached:
    """What was done: ``shards`` and ``clips`` that were encoded now, of them ``broken``; ``is_whole``: none is left."""

    folder: str
    shards: int
    clips: int
    broken: int
    is_whole: bool


class LatentCache:
    """Latents of one folder of shards. ``part`` of ``parts``: which shards this process encodes."""

    def __init__(self, url: str, settings: DataSettings, models: Models, *, part: int = 0, parts: int = 1) -> None:
        """Raises DataError: the shards cannot be used, or these settings cannot be cached."""
        self._shards = Shards([url])
        self._settings = settings
        self._models = models
        self._part, self._parts = part, parts
        manifest, digest = self._shards.manifests[0], self._shards.manifest_hashes[0]
        self._follows_from = told(settings, models.identities(), manifest, digest)
        self._captions: list[str] = self._follows_from["captions"]
        self._dtype = DTYPES[settings.latents_precision]
        self.files = latents_folder(self._shards.folders[0], self._follows_from)
        self._names = [str(one["name"]) for one in manifest["shards"]]

    def write(self, done: Callable[[int, int], None] = lambda clips, total: None) -> Cached:
        """Encode what is not there yet. ``done``: is told the number of clips encoded, and of those to encode.

        Raises:
            DataError: no space is left, or a sample's sides do not suit the autoencoder.
        """
        if self.files.exists(TOLD):
            return Cached(self.files.url, 0, 0, 0, is_whole=True)
        self.files.make_folder()
        there = self.files.sizes()
        missing = [name for name in self._names[self._part :: self._parts] if _file(name) not in there]
        rows = self._rows_by_shard()
        total = sum(len(rows.get(name, ())) for name in missing)
        clips = broken = 0
        try:
            for name in missing:
                for failed in self._write_shard(name, rows.get(name, [])):
                    clips += 1
                    broken += failed
                    done(clips, total)
            is_whole = self._finish()
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise DataError(
                f"{self.files.url}: no space is left; make room and give the same command again: it goes on"
            ) from error
        return Cached(self.files.url, len(missing), clips, broken, is_whole)

    def _rows_by_shard(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        facts = self._shards.facts
        has_shape = (facts["height"] > 0) & (facts["width"] > 0)
        usable = np.flatnonzero((facts["fps"] > 0) & (facts["num_frames"] >= 1) & has_shape)
        for row in usable.tolist():
            found.setdefault(self._shards.clip(row).shard, []).append(row)
        return found

    def _write_shard(self, name: str, rows: Sequence[int]) -> Iterator[bool]:
        """Encode a shard's clips; yields for each whether it is broken."""
        told_rows: list[dict[str, Any]] = []
        self.files.remove_aside(_file(name))
        local = Path(self.files.root) if self.files.is_local else None
        with SafetensorsWriter(local) as writer:
            contexts = self._write_contexts(writer, rows)
            clips = _Clips(self._shards, rows, self._settings)
            for clip in read_ahead(clips, range(len(clips)), self._settings.workers, prefetch=2):
                row = {
                    "key": clip.key,
                    "rate": clip.rate,
                    "reason": clip.reason,
                    "contexts": contexts.get(clip.key, {}),
                }
                if clip.pixels is not None:
                    row |= self._write_clip(writer, clip)
                told_rows.append(row)
                if clip.rate == len(self._settings.rates) - 1:
                    yield clip.reason is not None
            aside = (local or Path(tempfile.gettempdir())) / f"{ASIDE}{os.getpid()}-{_file(name)}"
            try:
                writer.finish(aside, {_ROWS: json.dumps(told_rows, separators=(",", ":"))})
                self.files.publish(_file(name), aside)
            finally:
                aside.unlink(missing_ok=True)

    def _write_contexts(self, writer: SafetensorsWriter, rows: Sequence[int]) -> dict[str, dict[str, int]]:
        """Embed all captions of these clips; where each lies, by clip and column."""
        found: dict[str, dict[str, int]] = {}
        if self._models.text is None:
            return found
        wanted = [(key, column, text) for row in rows for key, column, text in self._captions_of(row)]
        for start in range(0, len(wanted), _TEXTS_AT_ONCE):
            some = wanted[start : start + _TEXTS_AT_ONCE]
            states = self._models.text.encode([text for _, _, text in some]).to(self._dtype)
            for (key, column, _), state in zip(some, states, strict=True):
                found.setdefault(key, {})[column] = writer.add(f"{key}/{column}", state)
        return found

    def _captions_of(self, row: int) -> list[tuple[str, str, str]]:
        clip = self._shards.clip(row)
        try:
            annotations = self._shards.annotations(clip)
        except ClipError:
            return []
        return [(clip.key, name, str(annotations[name])) for name in self._captions if annotations.get(name)]

    def _write_clip(self, writer: SafetensorsWriter, clip: _Decoded) -> dict[str, Any]:
        assert clip.pixels is not None
        assert clip.cut is not None
        latents: list[Tensor] = []
        images: list[Tensor] = []
        for part in clip.pixels.split(_FRAMES_AT_ONCE):  # type: ignore[no-untyped-call]
            pixels = part.permute(0, 3, 1, 2).float().div(127.5).sub(1)
            latents.append(self._models.autoencoder.encode(pixels).to("cpu", self._dtype))
            if self._models.image is not None:
                images.append(self._models.image.encode(pixels)[:, 0].to("cpu", self._dtype))
        frames = torch.cat(latents)
        name = f"{clip.key}/{clip.rate}"
        return {
            "frames": frames.shape[0],
            "channels": frames.shape[1],
            "height": frames.shape[2],
            "width": frames.shape[3],
            "offset": writer.add(name, frames),
            "image_offset": writer.add(f"{name}/image", torch.cat(images)) if images else None,
            "cut_top": clip.cut.top,
            "cut_left": clip.cut.left,
            "clip_height": clip.cut.height,
            "clip_width": clip.cut.width,
        }

    def _finish(self) -> bool:
        """Write the index, where all shards' files are there."""
        there = self.files.sizes()
        if any(_file(name) not in there for name in self._names):
            return False
        rows = [row for name in self._names for row in self._index_rows(_file(name))]
        columns = [pa.field(f"{CONTEXT}{name}", pa.int64()) for name in self._captions]
        buffer = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows, pa.schema([*INDEX_SCHEMA, *columns])), buffer, compression="zstd")
        text = self._models.text
        if text is not None:
            from safetensors.torch import save

            self.files.write(EMPTY, save({"context": text.encode([""])[0].to(self._dtype).contiguous()}))
        self.files.write(INDEX, buffer.getvalue())
        facts = {
            "format_version": FORMAT,
            "follows_from": self._follows_from,
            "clips": len({row["key"] for row in rows}),
            "broken": len({row["key"] for row in rows if row["reason"] is not None}),
            "context_shape": None if text is None else [text.length, text.width],
            "image_width": None if self._models.image is None else self._models.image.width,
        }
        self.files.write(TOLD, (json.dumps(facts, indent=2, ensure_ascii=False) + "\n").encode())
        return True

    def _index_rows(self, file: str) -> Iterator[dict[str, Any]]:
        """The rows that a shard's file tells, with places in the file instead of in its data."""
        start = data_start(self.files.read(file, 0, 8))
        rows = json.loads(json.loads(self.files.read(file, 8, start - 8))["__metadata__"][_ROWS])
        for row in rows:
            contexts = row.pop("contexts")
            for name in ("offset", "image_offset"):
                row[name] = None if row.get(name) is None else row[name] + start
            yield {"file": file, **row, **{f"{CONTEXT}{name}": start + at for name, at in contexts.items()}}


@dataclass(frozen=True)
class _Decoded:
    """All frames of a clip at one rate, uint8 (T, H, W, 3), or the reason why there are none."""

    key: str
    rate: int
    pixels: Tensor | None
    cut: Cut | None
    reason: str | None


class _Clips(Dataset[_Decoded]):
    """Each clip at each rate."""

    def __init__(self, shards: Shards, rows: Sequence[int], settings: DataSettings) -> None:
        self._shards = shards
        self._rows = rows
        self._settings = settings

    def __len__(self) -> int:
        return len(self._rows) * len(self._settings.rates)

    def __getitem__(self, number: int) -> _Decoded:
        place, rate = divmod(number, len(self._settings.rates))
        clip = self._shards.clip(self._rows[place])
        settings = self._settings
        size = int(nearest_sizes(np.array([clip.height]), np.array([clip.width]), settings.sizes)[0])
        try:
            pixels, cut = read_pixels(
                self._shards.media(clip),
                fps=float(read_rate(clip.fps, settings.rates[rate])),
                clip_fps=clip.fps,
                start=0,
                frames=int(grid_points(clip.num_frames, clip.fps, settings.rates[rate])),
                size=settings.sizes[size],
            )
        except ClipError as error:
            return _Decoded(clip.key, rate, None, None, str(error))
        return _Decoded(clip.key, rate, torch.from_numpy(pixels), cut, None)


def _file(shard: str) -> str:
    return f"{shard.removesuffix('.tar')}.safetensors"
