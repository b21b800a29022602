"""Datasets of tiny clips, written through the tables' own functions, without a pipeline: quick to make."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from curation.config import resolve_pipeline
from curation.config.file import default_config_path, load_config
from curation.config.fingerprint import annotator_fingerprint, parameters_by_fingerprint, split_fingerprint
from curation.dataset import journal
from curation.dataset.description import describe
from curation.dataset.schema import annotation_schema
from curation.dataset.storage import Storage
from curation.dataset.table import write_part
from curation.engine.identify import STATE, STATE_SCHEMA
from curation.engine.rows import clip_row, clip_table, video_row, video_table
from curation.engine.work import VideoItem
from curation.filters.apply import apply_filter
from curation.filters.load import filter_of
from curation.filters.selection import write_selection
from curation.filters.table import ClipTable
from curation.video.encoding import write_mp4
from curation.video.types import SourceVideo, WrittenClip

FRAMES, FPS, WIDTH, HEIGHT = 12, 12, 64, 48
PIPELINE = resolve_pipeline(load_config(default_config_path()), "quickstart", [])
FLOW = annotation_schema("optical_flow", {"motion_score": pa.float32()})
SCORES = annotation_schema("clip_scores", {"aesthetic_score": pa.float32(), "clip_embedding": pa.list_(pa.float32())})
SCORED_WITH = "0123456789abcdef"
CAPTIONS = ("caption_coca", "caption_videoblip", "caption_llm")


def write_dataset(
    url: Path | str, sources: Mapping[str, int], *, captions: Sequence[str] = CAPTIONS, **columns: Any
) -> Storage:
    """A dataset of so many clips of one second per source, with motion, scores and captions.

    ``columns``: what a manifest says of each video. Everything follows from the names of the sources.
    """
    storage = Storage(str(url))
    scratch = Path(storage.root if storage.is_local else "/tmp") / "scratch.mp4"
    clip_ids: list[str] = []
    state = []
    for source, count in sources.items():
        video = SourceVideo(_digest(source), source, Path(source), Path("."))
        rows = []
        for index in range(count):
            scratch.parent.mkdir(parents=True, exist_ok=True)
            scratch.write_bytes(_clip(f"{source}/{index}"))
            rows.append(clip_row(video, _written(scratch, index)))
            storage.put_file(scratch, rows[-1]["media"])
        scratch.unlink(missing_ok=True)
        item = VideoItem(video.video_id, source, columns, 1000 * count, [])
        told = video_table(video_row(item, num_clips=count))
        journal.record_video(storage, told, clip_table(rows), split_fingerprint(PIPELINE))
        storage.write_bytes(f"contact_sheets/{video.video_id}.jpg", source.encode())
        state.append({"source": source, "video_id": video.video_id, "bytes": 1000 * count, "stamp": "1"})
        clip_ids += [row["clip_id"] for row in rows]
    write_part(storage, STATE, pa.Table.from_pylist(state, schema=STATE_SCHEMA), "")
    _annotate(storage, clip_ids, captions)
    journal.fold(storage, workers_gone=True)
    others = {"clip_scores": SCORED_WITH, **{one.removeprefix("caption_"): _digest(one)[:16] for one in captions}}
    made_with = {made: [{"name": name, "version": 1, "config": {}}] for name, made in others.items()}
    describe(storage, PIPELINE.to_dict(), {**parameters_by_fingerprint(PIPELINE), **made_with})
    return storage


def select(storage: Storage, name: str = "all", rules: Sequence[Mapping[str, Any]] = ()) -> None:
    """Write the selection of a filter with these rules."""
    applied = apply_filter(ClipTable.open(storage), filter_of(name, {"rules": list(rules)}))
    write_selection(storage, applied.verdicts, applied.table)


def clip_ids_of(storage: Storage, source: str | None = None) -> list[str]:
    """The clips of a source, or all, sorted."""
    table = journal.table_of(storage, journal.CLIPS).read(["clip_id", "source"])
    rows = table.to_pylist() if table is not None else []
    return sorted(row["clip_id"] for row in rows if source in (None, row["source"]))


def files_of(root: Path | str) -> dict[str, bytes]:
    """The content of every file below a folder but locks, by path."""
    paths = sorted(path for path in Path(root).rglob("*") if path.is_file() and path.name not in ("lock", ".lock"))
    return {str(path.relative_to(root)): path.read_bytes() for path in paths}


def _annotate(storage: Storage, clip_ids: Sequence[str], captions: Sequence[str]) -> None:
    def record(stage: str, schema: pa.Schema, rows: list[dict[str, Any]], fingerprint: str) -> None:
        table = pa.Table.from_pylist([{"clip_id": i, **row} for i, row in zip(clip_ids, rows, strict=True)], schema)
        journal.record_annotations(storage, stage, table, fingerprint)

    draws = [random.Random(clip_id) for clip_id in clip_ids]
    flow = annotator_fingerprint(PIPELINE, "optical_flow")
    record("optical_flow", FLOW, [{"motion_score": draw.uniform(0, 30)} for draw in draws], flow)
    scores = [{"aesthetic_score": draw.uniform(3, 8), "clip_embedding": [draw.random(), 0.5]} for draw in draws]
    record("clip_scores", SCORES, scores, SCORED_WITH)
    for name in captions:
        stage = name.removeprefix("caption_")
        texts = [{name: f"{stage} of {clip_id}"} for clip_id in clip_ids]
        record(stage, annotation_schema(stage, {name: pa.string()}), texts, _digest(name)[:16])


def _written(path: Path, index: int) -> WrittenClip:
    start = 10 * index * FPS
    return WrittenClip(
        index,
        path,
        start,
        start + FRAMES,
        Fraction(1, FPS),
        FRAMES,
        float(FPS),
        WIDTH,
        HEIGHT,
        has_audio=False,
        verified=True,
        mode="copy",
        lost_s=0.0,
    )


def _clip(name: str) -> bytes:
    """A second of moving blocks that no other name gives."""
    import io

    blocks = np.frombuffer(hashlib.sha256(name.encode()).digest() * 2, np.uint8)[:48].reshape(4, 4, 3)
    still = np.kron(blocks, np.ones((HEIGHT // 4, WIDTH // 4, 1), np.uint8))
    pictures = ((number, np.roll(still, 4 * number, axis=1)) for number in range(FRAMES))
    target = io.BytesIO()
    write_mp4(
        target,
        pictures,
        (WIDTH, HEIGHT),
        time_base=Fraction(1, FPS),
        rate=Fraction(FPS),
        gop=FPS,
        encoder="libx264",
        options={"crf": "10", "preset": "ultrafast"},
    )
    return target.getvalue()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
