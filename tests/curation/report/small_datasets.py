"""Datasets whose tables are written directly, with a few real clips."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from curation.dataset.description import describe
from curation.dataset.schema import CLIPS, VIDEOS, annotation_schema
from curation.dataset.storage import Storage
from curation.dataset.table import write_part
from tests.curation.video.clip_files import numbered, write_clip

FINGERPRINT = "0123456789abcdef"
PIPELINE = {
    "name": "quickstart",
    "stages": [{"name": "optical_flow", "config": {"fps": 2.0, "short_side": 64}, "run": {"concurrency": "auto"}}],
}
STAGES: dict[str, dict[str, pa.DataType]] = {
    "optical_flow": {"motion_score": pa.float32()},
    "text_detection": {"text_area": pa.float32()},
    "vlm": {"caption_vlm": pa.string(), "caption_vlm_source": pa.string()},
    "dedup": {"duplicate_of": pa.string(), "duplicate_similarity": pa.float32()},
}

Rows = Sequence[Mapping[str, Any]]


def ident(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def video(source: str, **values: Any) -> dict[str, Any]:
    """A row of `videos`."""
    usual = {
        "video_id": ident(source),
        "source": source,
        "kind": "video",
        "status": "ok",
        "container": "mp4",
        "codec": "h264",
        "width": 64,
        "height": 48,
        "fps": 24.0,
        "is_vfr": False,
        "duration_s": 60.0,
        "num_clips": 0,
        "lost_s": 0.0,
        "transitions": [{"kind": "cut", "start_s": 1.0, "end_s": 1.0, "rate": "native", "score": 0.9}],
        "duplicates": [],
    }
    return usual | values


def clip(source: str, index: int, seconds: float = 3.0, **values: Any) -> dict[str, Any]:
    """A row of `clips`."""
    usual = {
        "clip_id": ident(f"{source}/{index}"),
        "video_id": ident(source),
        "source": source,
        "clip_index": index,
        "start_s": 4.0 * index,
        "end_s": 4.0 * index + seconds,
        "fps": 24.0,
        "width": 64,
        "height": 48,
        "has_audio": False,
        "media": f"media/{ident(source)}/{index}.mp4",
        "mode": "copy",
        "verified": True,
    }
    return usual | values


def write_tables(
    url: str | Path, videos: Rows = (), clips: Rows = (), annotations: Mapping[str, Rows] | None = None
) -> Storage:
    """A dataset of these rows; keys that a row lacks are null, of an annotation all but clip_id."""
    storage = Storage(str(url))
    tables = [("videos", videos, VIDEOS), ("clips", clips, CLIPS)]
    for stage, rows in (annotations or {}).items():
        tables.append((f"annotations/{stage}", rows, annotation_schema(stage, STAGES[stage])))
    for folder, rows, schema in tables:
        if rows:
            table = pa.Table.from_pylist([dict(row) for row in rows], schema)
            write_part(storage, f"{folder}/part-000000-{FINGERPRINT}.parquet", table, FINGERPRINT)
    describe(storage, PIPELINE)
    return storage


def write_media(storage: Storage, clips: Rows, scratch: Path) -> None:
    """One small real clip, as the file of all of these."""
    data = write_clip(scratch / "tiny.mp4", numbered(9)).read_bytes()
    for row in clips:
        storage.write_bytes(row["media"], data)
