"""Text regions and text against calling EasyOCR directly, on frames of a real film trailer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curation.video.displayed_frame import displayed_array
from models.craft import CraftTextReader, DetectorSettings, Image, TextModelError, TextRegions, packaged_weights
from tests.curation.video.clip_files import decoded_frames

TITLES, PICTURES = (300, 450), (700,)
SMALL = DetectorSettings(canvas_size=320)


@pytest.fixture(scope="module")
def frames(trailer: Path) -> dict[int, Image]:
    decoded = decoded_frames(trailer, [*TITLES, *PICTURES])
    return {number: displayed_array(frame, long_side=320) for number, frame in decoded.items()}


@pytest.fixture(scope="module")
def reader(device: str) -> CraftTextReader:
    return CraftTextReader(recognition=True, model_dir=packaged_weights(), device=device)


@pytest.fixture(scope="module")
def easyocr_reader(device: str) -> Any:
    import easyocr

    return easyocr.Reader(
        ["en"], gpu=device == "cuda", model_storage_directory=str(packaged_weights()), download_enabled=False
    )


def test_regions_equal_easyocr(frames: dict[int, Image], reader: CraftTextReader, easyocr_reader: Any) -> None:
    found = reader.detect(list(frames.values()), SMALL)
    for image, regions in zip(frames.values(), found, strict=True):
        horizontal, free = easyocr_reader.detect(image, canvas_size=320)
        assert regions.horizontal == [list(map(int, box)) for box in horizontal[0]]
        assert len(regions.free) == len(free[0])
    shares = {number: regions.covered_share() for number, regions in zip(frames, found, strict=True)}
    assert all(shares[number] > 0.01 for number in TITLES)
    assert all(shares[number] == 0 for number in PICTURES)


def test_a_batch_gives_what_single_images_give(
    frames: dict[int, Image], reader: CraftTextReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [*frames.values(), frames[TITLES[0]][:100]]
    expected = [reader.detect([image], SMALL)[0] for image in images]
    monkeypatch.setattr(reader, "_images_per_pass", 2)
    assert reader.detect([images[3], *images], SMALL) == [expected[3], *expected]


def test_text_equals_easyocr(frames: dict[int, Image], reader: CraftTextReader, easyocr_reader: Any) -> None:
    title = frames[TITLES[1]]
    regions = reader.detect([title], SMALL)[0]
    lines = reader.read(title, regions)
    assert lines == [text for _, text, _ in easyocr_reader.readtext(title, canvas_size=320)]
    assert "bunny" in " ".join(lines)


def test_equal_images_are_looked_at_once(
    frames: dict[int, Image], reader: CraftTextReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[int] = []
    detect = reader._reader.detect
    monkeypatch.setattr(
        reader._reader, "detect", lambda images, **settings: passes.append(len(images)) or detect(images, **settings)
    )
    title = frames[TITLES[0]]
    found = reader.detect([title, title.copy(), title], SMALL)
    assert sum(passes) == 1
    assert found[0] == found[1] == found[2]
    assert found[0].horizontal


def test_the_recogniser_is_not_loaded_unasked(device: str) -> None:
    reader = CraftTextReader(model_dir=packaged_weights(), device=device)
    assert not hasattr(reader._reader, "recognizer")


def test_missing_weights_are_told(tmp_path: Path) -> None:
    with pytest.raises(TextModelError, match=r"craft_mlt_25k\.pth"):
        CraftTextReader(model_dir=tmp_path)
    with pytest.raises(TextModelError, match="xx"):
        CraftTextReader(languages=("xx",), model_dir=packaged_weights())


def test_covered_share_is_that_of_the_union() -> None:
    overlapping = TextRegions(10, 20, [[0, 10, 0, 5], [5, 15, 0, 5]])
    assert overlapping.covered_share() == 15 * 5 / 200
    beyond = TextRegions(10, 20, [[-5, 25, -5, 5]])
    assert beyond.covered_share() == 0.5
    slanted = TextRegions(100, 100, [], [[[50, 0], [100, 50], [50, 100], [0, 50]]])
    assert slanted.covered_share() == pytest.approx(0.5, abs=0.02)
    assert TextRegions(10, 20).covered_share() == 0
    assert np.isscalar(beyond.covered_share())
