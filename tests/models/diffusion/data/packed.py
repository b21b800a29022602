"""Shards of small clips, written by the packer's own writers, whose frames tell their numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa

from curation.dataset.storage import Storage
from curation.shards.folder import shard_name
from curation.shards.manifest import manifest_of, publish
from curation.shards.record import KEY, SHARD, Shard
from curation.shards.sample import numbers_of, to_json
from curation.shards.tar import TarWriter
from tests.curation.video.clip_files import numbered, write_clip
from tests.material.recipes import Encoding

MIX = {"caption_coca": 0.5, "caption_videoblip": 0.25, "caption_llm": 0.25}
# B frames, and keyframes a third of a second apart.
H264 = Encoding("h264", ".mp4", "libx264", gop=8, b_frames=2, options={"crf": "10", "preset": "ultrafast"})


@dataclass(frozen=True)
class Clip:
    """A clip of `numbered` pictures. ``facts``: more fields of its json; ``media``: bytes instead of a video."""

    key: str
    frames: int = 24
    fps: int = 24
    size: tuple[int, int] = (48, 64)
    facts: Mapping[str, Any] = field(default_factory=dict)
    media: bytes | None = None


def clips(count: int, **changes: Any) -> list[Clip]:
    """So many clips that differ in their ids alone."""
    return [Clip(hashlib.sha256(str(number).encode()).hexdigest()[:32], **changes) for number in range(count)]


def write_shards(
    folder: Path, packed: Iterable[Clip], *, per_shard: int = 4, weights: Mapping[str, float] = MIX
) -> Path:
    """A folder of shards with these clips, in this order."""
    storage = Storage(str(folder))
    folder.mkdir(parents=True, exist_ok=True)
    rest = list(packed)
    shards, indexes = [], []
    while rest:
        some, rest = rest[:per_shard], rest[per_shard:]
        shard, index = _write(storage, shard_name(len(shards)), some, weights, folder)
        shards.append(shard)
        indexes.append(index)
    publish(storage, manifest_of({"filter": "all", "caption_weights": dict(weights)}, shards, []), indexes)
    return folder


def _write(
    storage: Storage, name: str, some: Sequence[Clip], weights: Mapping[str, float], folder: Path
) -> tuple[Shard, pa.Table]:
    rows = []
    with storage.writing(name) as stream, TarWriter(stream) as tar:
        for clip in some:
            annotations = {
                "clip_id": clip.key,
                "duration_s": clip.frames / clip.fps,
                "num_frames": clip.frames,
                "fps": float(clip.fps),
                "width": clip.size[1],
                "height": clip.size[0],
                "motion_score": 1.0,
                **{column: f"{column} of {clip.key}" for column in weights},
                "caption_weights": dict(weights),
                **clip.facts,
            }
            members = {"mp4": video(clip, folder), "json": to_json(annotations), "txt": b""}
            row: dict[str, Any] = {KEY: clip.key, SHARD: name, **numbers_of(annotations)}
            for extension, content in members.items():
                row[f"{extension}_offset"] = tar.add(f"{clip.key}.{extension}", content)
                row[f"{extension}_size"] = len(content)
            rows.append(row)
    shard = Shard(name, len(some), tar.num_bytes, tar.sha256, 1.0, 0, "")
    return shard, pa.Table.from_pylist(rows)


_VIDEOS: dict[tuple[int, int, tuple[int, int]], bytes] = {}


def video(clip: Clip, scratch: Path) -> bytes:
    """Its media; videos of one kind are encoded once."""
    if clip.media is not None:
        return clip.media
    kind = clip.frames, clip.fps, clip.size
    if kind not in _VIDEOS:
        path = scratch / "scratch.mp4"
        height, width = clip.size
        write_clip(path, numbered(clip.frames, width, height), Fraction(clip.fps), encoding=H264)
        _VIDEOS[kind] = path.read_bytes()
        path.unlink()
    return _VIDEOS[kind]
