"""What a manifest says of a video reaches the annotators of its clips; still images need a stage that takes them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import curation
from curation.config import ResolvedPipeline
from curation.engine.in_process import InProcess
from curation.engine.job import Job
from curation.sources.discover import discover

STILLS: dict[str, Any] = {
    "name": "pseudo_video",
    "use": "stages.pseudo_video:PseudoVideo",
    "config": {"seconds": 1, "fps": 12},
}
WHOLE: dict[str, Any] = {"name": "whole", "use": "tests.curation.engine.stages:Whole", "config": {"copies": 2}}


def pipeline(*stages: dict[str, Any]) -> ResolvedPipeline:
    described = [{"config": {}, "run": {"concurrency": 1}, **stage} for stage in stages]
    return ResolvedPipeline.from_dict({"name": "test", "stages": described})


def caption(**config: Any) -> dict[str, Any]:
    return {"name": "label_caption", "use": "stages.label_caption:LabelCaption", "config": config}


@pytest.fixture
def manifest(tmp_path: Path, bikes: Path) -> Path:
    """A video with a label, one without, and a still image."""
    shutil.copy(bikes, tmp_path / "a.mp4")
    shutil.copy(bikes, tmp_path / "b.mp4")
    with (tmp_path / "b.mp4").open("ab") as file:
        file.write(b"\0" * 8)
    Image.new("RGB", (80, 64)).save(tmp_path / "c.png")
    rows = [{"path": "a.mp4", "label": "ride_bike"}, {"path": "b.mp4"}, {"path": "c.png", "label": "black"}]
    path = tmp_path / "list.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_annotators_read_the_manifest_in_a_run_and_afterwards(tmp_path: Path, manifest: Path) -> None:
    dataset = tmp_path / "dataset"
    first = pipeline(WHOLE, caption(label_templates=["one {label}"]))
    Job(first, str(dataset), InProcess()).run(discover([str(manifest)]))
    found = curation.Dataset(str(dataset))
    videos = {Path(row["source"]).name: row for row in found.videos().to_pylist()}
    assert [(name, row["kind"], row["status"]) for name, row in videos.items()] == [
        ("a.mp4", "video", "ok"), ("b.mp4", "video", "ok"), ("c.png", "image", "failed"),
    ]  # fmt: skip
    assert videos["c.png"]["error"].startswith("a still image; the pipeline has no stage that takes images")
    assert found.clips()["caption_label"].to_pylist() == ["one ride bike"] * 2 + [None] * 2
    again = pipeline(WHOLE, caption(label_templates=["two {label}"]))
    Job(again, str(dataset), InProcess()).annotate("label_caption")
    rows = curation.Dataset(str(dataset)).clips().to_pylist()
    assert [row["caption_label"] for row in rows] == ["two ride bike"] * 2 + [None] * 2
    assert [row["label_caption_error"] for row in rows] == [None] * 4


def test_a_still_image_goes_through_as_a_video_that_is_marked(tmp_path: Path, manifest: Path) -> None:
    dataset = tmp_path / "dataset"
    wanted = pipeline(STILLS, WHOLE, caption(label_templates=["{label}"]))
    Job(wanted, str(dataset), InProcess()).run(discover([str(manifest.with_name("c.png")), str(manifest)], limit=1))
    found = curation.Dataset(str(dataset))
    (video,) = found.videos().to_pylist()
    assert [video[name] for name in ("kind", "status", "error", "num_frames", "fps", "codec", "label")] == [
        "image", "ok", None, 12, 12.0, "h264", "black",
    ]  # fmt: skip
    assert video["bytes"] == manifest.with_name("c.png").stat().st_size
    clips = found.clips().to_pylist()
    assert [(row["num_frames"], row["caption_label"]) for row in clips] == [(12, "black")] * 2
