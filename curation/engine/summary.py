"""What became of a job, counted from the tables."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curation.dataset.dataset import Dataset
from curation.dataset.journal import ANNOTATIONS, CLIPS, table_of
from curation.dataset.storage import join
from curation.engine.job import Outcome


@dataclass(frozen=True)
class Summary:
    """Counts over the videos that a job was about. ``videos_updated``: those whose row got other manifest columns;
    ``failures``: (stage, reason) → how many items."""

    videos: int
    videos_updated: int
    videos_failed: int
    duplicates: int
    transitions: dict[str, int]
    clips: int
    clips_by_mode: dict[str, int]
    unverified: int
    seconds_in: float
    seconds_out: float
    lost_s: float
    failures: dict[tuple[str, str], int]
    cpu_s: dict[str, float]
    wall_s: float

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        failures = [{"stage": stage, "reason": why, "items": n} for (stage, why), n in self.failures.items()]
        return {**asdict(self), "failures": failures}


def summarise(outcome: Outcome) -> Summary:
    """Count what the dataset holds of the videos of a job."""
    storage = outcome.storage
    wanted = pa.array(sorted(outcome.video_ids), pa.string())
    videos = Dataset(storage.url).videos()
    videos = videos.filter(pc.is_in(videos["video_id"], value_set=wanted))
    rows = videos.select(
        ["status", "error_stage", "error", "transitions", "duration_s", "lost_s", "duplicates"]
    ).to_pylist()
    clips = table_of(storage, CLIPS).read(["clip_id", "video_id", "start_s", "end_s", "mode", "verified"])
    kept = clips.filter(pc.is_in(clips["video_id"], value_set=wanted)).to_pylist() if clips is not None else []
    failures = Counter((row["error_stage"], row["error"]) for row in rows if row["status"] == "failed")
    failures.update(("media", str(clip)) for clip in outcome.missing)
    failures.update(_annotation_failures(outcome, {clip["clip_id"] for clip in kept}))
    return Summary(
        videos=len(rows),
        videos_updated=outcome.updated,
        videos_failed=sum(row["status"] == "failed" for row in rows),
        duplicates=sum(len(row["duplicates"] or []) for row in rows),
        transitions=dict(Counter(mark["kind"] for row in rows for mark in row["transitions"] or [])),
        clips=len(kept),
        clips_by_mode=dict(Counter(clip["mode"] for clip in kept)),
        unverified=sum(not clip["verified"] for clip in kept),
        seconds_in=sum(row["duration_s"] or 0.0 for row in rows),
        seconds_out=sum(clip["end_s"] - clip["start_s"] for clip in kept),
        lost_s=sum(row["lost_s"] or 0.0 for row in rows),
        failures=dict(failures.most_common()),
        cpu_s=dict(outcome.progress.cpu_s),
        wall_s=outcome.wall_s,
    )


def _annotation_failures(outcome: Outcome, clip_ids: set[str]) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for stage in Dataset(outcome.storage.url).annotated_stages():
        rows = table_of(outcome.storage, join(ANNOTATIONS, stage)).read(["clip_id", f"{stage}_error"])
        if rows is not None:
            failed = rows.filter(pc.is_valid(rows[f"{stage}_error"])).to_pylist()
            found.update((stage, row[f"{stage}_error"]) for row in failed if row["clip_id"] in clip_ids)
    return found
