"""`text_area` and `text` of clips of a real trailer, against calling EasyOCR directly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curation.stage import ClipSample
from curation.video.sampling import Frames
from models.craft import packaged_weights
from stages.text_detection import TextDetection
from tests.curation.video.clip_files import decoded_frames, write_clip
from tests.stages.clip_samples import sample_of

CLIPS = {"title": range(300, 303), "picture": range(700, 703), "bunny": range(450, 453)}


@pytest.fixture(scope="module")
def clips(trailer: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("clips")
    frames = decoded_frames(trailer, [number for span in CLIPS.values() for number in span])
    return {
        name: write_clip(folder / f"{name}.mp4", [frames[number].to_ndarray(format="rgb24") for number in span])
        for name, span in CLIPS.items()
    }


def stage_of(**config: Any) -> TextDetection:
    stage = TextDetection(TextDetection.Config(**config))
    stage.setup()
    return stage


@pytest.fixture(scope="module")
def reading_stage() -> TextDetection:
    return stage_of(recognition=True, long_side=640)


@pytest.fixture(scope="module")
def easyocr_reader() -> Any:
    import easyocr

    return easyocr.Reader(["en"], gpu=False, model_storage_directory=str(packaged_weights()), download_enabled=False)


def area_of(frame: Frames, reader: Any) -> float:
    """Share of pixels that lie in an upright box of EasyOCR, counted pixel by pixel."""
    horizontal, free = reader.detect(frame, canvas_size=320)
    assert free == [[]]
    height, width = frame.shape[:2]
    inside = {
        (x, y)
        for left, right, top, bottom in horizontal[0]
        for x in range(max(0, left), min(width, right))
        for y in range(max(0, top), min(height, bottom))
    }
    return len(inside) / (height * width)


def test_values_equal_easyocr(clips: dict[str, Path], reading_stage: TextDetection, easyocr_reader: Any) -> None:
    samples = [sample_of(reading_stage, clips[name]) for name in ("title", "picture")]
    title, picture = reading_stage.annotate(samples)
    assert samples[0].frames is not None
    assert samples[0].frames.shape == (3, 360, 640, 3)
    frames = list(samples[0].frames)
    assert title["text_area"] == pytest.approx(max(area_of(frame, easyocr_reader) for frame in frames), rel=1e-6)
    lines = [text for frame in frames for _, text, _ in easyocr_reader.readtext(frame, canvas_size=320)]
    assert title["text"].split("\n") == list(dict.fromkeys(lines))
    assert "An unlucky bird" in title["text"]
    assert picture == {"text_area": 0.0, "text": ""}


def test_the_largest_of_the_three_frames_counts(clips: dict[str, Path]) -> None:
    stage = stage_of()
    stacks = [sample_of(stage, clips[name]).frames for name in ("title", "picture", "bunny")]
    title, picture, bunny = (stack[:1] for stack in stacks if stack is not None)
    assert title.shape == (1, 180, 320, 3)
    mixed = np.concatenate([title, picture, bunny])
    results = stage.annotate([ClipSample("it", {}, frames) for frames in (title, picture, bunny, mixed)])
    areas = [result["text_area"] for result in results]
    assert areas[1] == 0 < areas[0] < areas[2] < 1
    assert areas[3] == areas[2]
    assert [result["text"] for result in results] == [None] * 4


def test_requirements(tmp_path: Path) -> None:
    here = list(TextDetection(TextDetection.Config(recognition=True)).requirements())
    assert [requirement.problem for requirement in here] == [None, None]
    problems = [r.problem for r in TextDetection(TextDetection.Config(model_dir=tmp_path)).requirements()]
    assert len(problems) == 1
    assert problems[0] is not None
    assert "craft_mlt_25k.pth" in problems[0]
    assert "model_dir" in problems[0]
