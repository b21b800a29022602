"""One dataset that most tests of the report look at."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.dataset.storage import Storage
from tests.curation.report.small_datasets import clip, video, write_media, write_tables

SOURCES = ("films/one.mp4", "films/two.mkv", "https://user:secret@example.com/films/three.mp4?signature=abc")
CLIPS_EACH = 20

PIPELINES = """
filters:
  still:
    description: Neither still nor full of text
    rules:
      - motion_score: {drop_lowest: 25%, max: 50}
      - text_area: {max: 0.5}
      - mode: {not_in: [exact]}
  by-source:
    rules:
      - motion_score: {drop_lowest: 50%, within: source}
"""


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Storage:
    """60 clips of three sources: motion 0 … 59, of which two failed; 2 videos that failed; captions; duplicates."""
    folder = tmp_path_factory.mktemp("films")
    videos = [video(source, num_clips=CLIPS_EACH) for source in SOURCES]
    videos += [
        video(f"films/broken{number}.mp4", status="failed", error_stage="source", error="no video", duration_s=None)
        | {"codec": None, "transitions": []}
        for number in (1, 2)
    ]
    clips = [
        clip(source, index, seconds=2 + 0.13 * index, mode="exact" if index == 4 else "copy", fps=24 if index else 25)
        for source in SOURCES
        for index in range(CLIPS_EACH)
    ]
    ids = [row["clip_id"] for row in clips]
    flow = [
        {"clip_id": clip_id, "motion_score": None if number in (3, 30) else float(number)}
        | ({"optical_flow_error": "cannot decode"} if number == 3 else {})
        for number, clip_id in enumerate(ids)
    ]
    text = [{"clip_id": clip_id, "text_area": number % 10 / 10} for number, clip_id in enumerate(ids)]
    captions = [
        {"clip_id": clip_id, "caption_vlm": f"a dog runs past tree {number // 2}", "caption_vlm_source": "model"}
        for number, clip_id in enumerate(ids)
    ]
    captions[0] |= {"caption_vlm": "  "}
    captions[1] |= {"caption_vlm": None, "vlm_error": "the model refused: I cannot", "caption_vlm_source": None}
    repeats = [
        {"clip_id": clip_id, "duplicate_of": ids[0] if 1 <= number <= 4 else None}
        | ({"duplicate_similarity": 1 - number / 100} if 1 <= number <= 4 else {})
        for number, clip_id in enumerate(ids)
    ]
    annotations = {"optical_flow": flow, "text_detection": text, "vlm": captions, "dedup": repeats}
    storage = write_tables(folder / "films", videos, clips, annotations)
    write_media(storage, clips, folder)
    return storage


@pytest.fixture
def pipelines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a pipelines.yaml of two filters."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pipelines.yaml").write_text(PIPELINES)
    return tmp_path
