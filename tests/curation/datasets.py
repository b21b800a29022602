"""Datasets for tests of what reads tables: real Parquet parts, written as a run writes them, without any video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from curation.dataset.description import describe
from curation.dataset.schema import CLIPS, VIDEOS, annotation_schema, video_schema
from curation.dataset.storage import Storage
from curation.dataset.table import write_part

Values = Mapping[str, Sequence[Any]]
# Stages with the types of what they write, as the real ones do.
WRITES: dict[str, dict[str, pa.DataType]] = {
    "optical_flow": {"motion_score": pa.float32()},
    "text_detection": {"text_area": pa.float32(), "text": pa.string()},
    "clip_scores": {"aesthetic_score": pa.float32(), "clip_embedding": pa.list_(pa.float32())},
    "clip_similarity": {"clip_similarity": pa.float32()},
}


def write_dataset(
    url: str,
    num_clips: int,
    annotations: Mapping[str, Values] | None = None,
    videos: Values | None = None,
    clips_per_video: int = 4,
) -> Storage:
    """A dataset of ``num_clips`` clips, c000, c001, …, ``clips_per_video`` of them of each video v00, v01, ….

    ``annotations``: by stage its columns, a value per clip, and `<stage>_error` where there are any; ``videos``: what
    the table of videos has besides its own columns, a value per video.
    """
    storage = Storage(url)
    num_videos = -(-num_clips // clips_per_video)
    clips = [_clip(index, clips_per_video) for index in range(num_clips)]
    if clips:
        write_part(storage, "clips/part-000000-aa.parquet", pa.Table.from_pylist(clips, schema=CLIPS), "aa")
    carried = {name: pa.array(values).type for name, values in (videos or {}).items()}
    rows = [
        {"video_id": f"v{index:02d}", "source": f"videos/{index:02d}.mp4", "status": "ok", "codec": "h264"}
        | {name: values[index] for name, values in (videos or {}).items()}
        for index in range(num_videos)
    ]
    if rows:
        table = pa.Table.from_pylist(rows, schema=video_schema(carried) if carried else VIDEOS)
        write_part(storage, "videos/part-000000-aa.parquet", table, "aa")
    for stage, values in (annotations or {}).items():
        write_annotation(storage, stage, values, [clip["clip_id"] for clip in clips])
    describe(storage, {"name": "test", "stages": []})
    return storage


def write_annotation(storage: Storage, stage: str, values: Values, clip_ids: Sequence[str], part: int = 0) -> None:
    """A part of a stage's annotations: a value per clip in each column; those of `WRITES` that are absent are null."""
    table = pa.Table.from_pylist(
        [
            {"clip_id": clip_id} | {name: column[index] for name, column in values.items()}
            for index, clip_id in enumerate(clip_ids)
        ],
        schema=annotation_schema(stage, WRITES[stage]),
    )
    write_part(storage, f"annotations/{stage}/part-{part:06d}-bb.parquet", table, "bb")


def _clip(index: int, clips_per_video: int) -> dict[str, Any]:
    video = index // clips_per_video
    return {
        "clip_id": f"c{index:03d}",
        "video_id": f"v{video:02d}",
        "source": f"videos/{video:02d}.mp4",
        "clip_index": index % clips_per_video,
        "start_s": 10.0 * index,
        "end_s": 10.0 * index + 2 + index % 3,
        "fps": 24.0,
        "width": 1280,
        "height": 720,
        "verified": True,
        "bytes": 1000,
    }
