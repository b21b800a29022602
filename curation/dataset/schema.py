"""Columns of the tables `videos` and `clips`."""

from __future__ import annotations

import pyarrow as pa

FORMAT_VERSION = 1

TRANSITION = pa.struct(
    [
        ("kind", pa.string()),
        ("start_s", pa.float64()),
        ("end_s", pa.float64()),
        ("rate", pa.string()),
        ("score", pa.float32()),
    ]
)

VIDEOS = pa.schema(
    [
        ("video_id", pa.string()),
        ("source", pa.string()),
        ("kind", pa.string()),
        ("status", pa.string()),
        ("error_stage", pa.string()),
        ("error", pa.string()),
        ("container", pa.string()),
        ("codec", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("rotation", pa.int32()),
        ("fps", pa.float64()),
        ("is_vfr", pa.bool_()),
        ("duration_s", pa.float64()),
        ("num_frames", pa.int64()),
        ("keyframe_interval_s", pa.float64()),
        ("transitions", pa.list_(TRANSITION)),
        ("num_clips", pa.int32()),
        ("bytes", pa.int64()),
        ("lost_s", pa.float64()),
        ("notes", pa.list_(pa.string())),
        ("duplicates", pa.list_(pa.string())),
    ]
)

CLIPS = pa.schema(
    [
        ("clip_id", pa.string()),
        ("video_id", pa.string()),
        ("source", pa.string()),
        ("clip_index", pa.int32()),
        ("start_s", pa.float64()),
        ("end_s", pa.float64()),
        ("start_pts", pa.int64()),
        ("end_pts", pa.int64()),
        ("time_base", pa.string()),
        ("num_frames", pa.int64()),
        ("fps", pa.float64()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("has_audio", pa.bool_()),
        ("media", pa.string()),
        ("bytes", pa.int64()),
        ("verified", pa.bool_()),
        ("mode", pa.string()),
        ("lost_s", pa.float64()),
        ("sha256", pa.string()),
    ]
)


def video_schema(columns: dict[str, pa.DataType]) -> pa.Schema:
    """`videos` with the further columns that a manifest carried in."""
    return pa.schema([*VIDEOS, *(pa.field(name, kind) for name, kind in columns.items() if name not in VIDEOS.names)])


def annotation_schema(stage: str, writes: dict[str, pa.DataType]) -> pa.Schema:
    """`annotations/<stage>`: clip_id, the stage's columns, and why an item failed."""
    fields = [("clip_id", pa.string()), *writes.items(), (f"{stage}_error", pa.string())]
    return pa.schema(fields)
