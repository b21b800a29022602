"""Rows of `videos` and `clips` from what the splitters produced."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from curation.dataset.identity import clip_id_of
from curation.dataset.schema import CLIPS, VIDEOS, video_schema
from curation.engine.work import VideoItem
from curation.video.types import SourceVideo, VideoInfo, WrittenClip


def clip_row(video: SourceVideo, clip: WrittenClip) -> dict[str, Any]:
    """The row of a written clip. Its id follows from the video, the span and the bytes of the file."""
    with clip.path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    clip_id = clip_id_of(video.video_id, clip.start_pts, clip.end_pts, digest)
    seconds = clip.time_base
    return {
        "clip_id": clip_id,
        "video_id": video.video_id,
        "source": video.source,
        "clip_index": clip.clip_index,
        "start_s": float(clip.start_pts * seconds),
        "end_s": float(clip.end_pts * seconds),
        "start_pts": clip.start_pts,
        "end_pts": clip.end_pts,
        "time_base": f"{seconds.numerator}/{seconds.denominator}",
        "num_frames": clip.num_frames,
        "fps": clip.fps,
        "width": clip.width,
        "height": clip.height,
        "has_audio": clip.has_audio,
        "media": f"media/{video.video_id[:2]}/{video.video_id}/{clip_id}.mp4",
        "bytes": clip.path.stat().st_size,
        "verified": clip.verified,
        "mode": clip.mode,
        "lost_s": clip.lost_s,
        "sha256": digest,
    }


def video_row(
    item: VideoItem,
    video: SourceVideo | None = None,
    *,
    num_clips: int = 0,
    error_stage: str | None = None,
    error: str | None = None,
) -> dict[str, Any]:
    """The row of a source video; ``error`` None means that its status is ok."""
    row: dict[str, Any] = {name: value for name, value in item.columns.items() if name not in VIDEOS.names}
    row |= {
        "video_id": item.video_id,
        "source": item.source,
        "status": "ok" if error is None else "failed",
        "error_stage": error_stage,
        "error": error,
        "num_clips": num_clips,
        "bytes": item.num_bytes,
        "duplicates": item.duplicates,
    }
    if video is not None:
        row |= _info(video.info) | {"kind": video.kind, "notes": video.notes, "lost_s": video.lost_s}
        if video.info is not None:
            row["transitions"] = transition_rows(video)
        if video.frame_index is not None:
            row["num_frames"] = len(video.frame_index.pts)
    return row


def transition_rows(video: SourceVideo) -> list[dict[str, Any]]:
    """The column `transitions` of a probed video."""
    assert video.info is not None
    seconds = video.frame_index.time_base if video.frame_index else video.info.time_base
    return [
        {
            "kind": transition.kind,
            "start_s": float(transition.start_pts * seconds),
            "end_s": float(transition.end_pts * seconds),
            "rate": transition.rate,
            "score": transition.score,
        }
        for transition in video.transitions
    ]


def _info(info: VideoInfo | None) -> dict[str, Any]:
    if info is None:
        return {}
    names = ("container", "codec", "width", "height", "rotation", "fps", "is_vfr", "duration_s", "num_frames")
    return {name: getattr(info, name) for name in (*names, "keyframe_interval_s")}


def video_table(*rows: Mapping[str, Any]) -> pa.Table:
    """Rows as a table with the schema of `videos`; types of manifest columns are those of their values."""
    extra = {
        name: pa.scalar(value).type
        for row in rows
        for name, value in row.items()
        if name not in VIDEOS.names and value is not None
    }
    return pa.Table.from_pylist([dict(row) for row in rows], schema=video_schema(extra))


def clip_table(rows: list[dict[str, Any]]) -> pa.Table:
    """Rows as a table with the schema of `clips`."""
    return pa.Table.from_pylist(rows, schema=CLIPS)
