"""A dataset with real, playable clips and scores that are known, made without a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
from PIL import Image

from curation.dataset.description import describe
from curation.dataset.schema import CLIPS, VIDEOS
from curation.dataset.storage import Storage
from curation.dataset.table import write_part
from tests.curation.datasets import write_annotation

NUM_CLIPS, CLIPS_PER_VIDEO = 40, 4
FRAMES, FPS = 24, 12
LABELS = ["cat", "dog", None]


def write_playable_dataset(url: str, scratch: Path) -> Storage:
    """40 clips of 10 videos. Clip i: motion_score i / 10 (null for the last), text_area 0.2 in every fourth, 0 in the
    others; two seconds long."""
    storage = Storage(url)
    ids = [f"{index:032x}" for index in range(NUM_CLIPS)]
    rows = [_clip(index, clip_id) for index, clip_id in enumerate(ids)]
    films = [_film(scratch / f"{colour}.mp4", colour) for colour in range(2)]
    for index, row in enumerate(rows):
        row["bytes"] = len(films[index % 2])
        storage.write_bytes(row["media"], films[index % 2])
    write_part(storage, "clips/part-000000-aa.parquet", pa.Table.from_pylist(rows, schema=CLIPS), "aa")
    videos = [_video(index) for index in range(NUM_CLIPS // CLIPS_PER_VIDEO)]
    schema = pa.schema([*VIDEOS, ("label", pa.string())])
    write_part(storage, "videos/part-000000-aa.parquet", pa.Table.from_pylist(videos, schema=schema), "aa")
    motion = [None if index == NUM_CLIPS - 1 else index / 10 for index in range(NUM_CLIPS)]
    write_annotation(storage, "optical_flow", {"motion_score": motion}, ids)
    texts = {"text_area": [0.2 if index % 4 == 0 else 0.0 for index in range(NUM_CLIPS)], "text": [None] * NUM_CLIPS}
    write_annotation(storage, "text_detection", texts, ids)
    sheet = scratch / "sheet.jpg"
    Image.new("RGB", (64, 36), "green").save(sheet)
    storage.write_bytes(f"contact_sheets/{videos[0]['video_id']}.jpg", sheet.read_bytes())
    describe(storage, {"name": "test", "stages": []})
    return storage


def _clip(index: int, clip_id: str) -> dict[str, Any]:
    video_id = f"v{index // CLIPS_PER_VIDEO:02d}"
    start = 3.0 * (index % CLIPS_PER_VIDEO)
    return {
        "clip_id": clip_id,
        "video_id": video_id,
        "source": f"videos/{video_id}.mp4",
        "clip_index": index % CLIPS_PER_VIDEO,
        "start_s": start,
        "end_s": start + FRAMES / FPS,
        "num_frames": FRAMES,
        "fps": float(FPS),
        "width": 160,
        "height": 90,
        "media": f"media/{video_id[:2]}/{video_id}/{clip_id}.mp4",
        "verified": True,
    }


def _video(index: int) -> dict[str, Any]:
    transitions = [
        {"kind": kind, "start_s": start, "end_s": end, "rate": "native", "score": 1.0}
        for kind, start, end in [("cut", 3.0, 3.0), ("fade", 5.5, 6.0), ("dissolve", 8.5, 9.0)]
    ]
    return {
        "video_id": f"v{index:02d}",
        "source": f"videos/v{index:02d}.mp4",
        "status": "ok",
        "duration_s": 12.0,
        "num_clips": CLIPS_PER_VIDEO,
        "transitions": transitions,
        "label": LABELS[index % len(LABELS)],
    }


def _film(path: Path, colour: int) -> bytes:
    """A bar that moves over one colour."""
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 160, 90, "yuv420p"
        for number in range(FRAMES):
            picture = np.full((90, 160, 3), (40, 90, 200) if colour else (200, 110, 40), np.uint8)
            picture[:, number * 6 : number * 6 + 12] = 255
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture)):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path.read_bytes()
