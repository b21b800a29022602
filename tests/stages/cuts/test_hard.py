"""Hard cuts among thumbnails whose shots are known."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from stages.cuts.hard import FLASH_SECONDS, find_hard_cuts
from stages.cuts.spool import ThumbnailSpool
from stages.cuts.stats import FrameStats
from stages.cuts.thumbnail import CHROMA_SIZE, HEIGHT, WIDTH, Thumbnail


def picture(name: str) -> Thumbnail:
    luma = cv2.resize(cv2.cvtColor(getattr(data, name)(), cv2.COLOR_RGB2GRAY), (WIDTH, HEIGHT), interpolation=3)
    return np.concatenate([luma.reshape(-1), np.full(2 * CHROMA_SIZE, 128, np.uint8)])


def found(frames: list[Thumbnail], fps: float, tmp_path: Path) -> list[int]:
    spool = ThumbnailSpool(tmp_path)
    for frame in frames:
        spool.append(frame)
    changes = {number for number in range(1, len(frames)) if not np.array_equal(frames[number - 1], frames[number])}
    return sorted(find_hard_cuts(changes, spool, FrameStats.of(spool), fps))


@pytest.mark.parametrize("fps", [10, 15, 20, 24, 25, 30, 50, 60])
def test_a_flash_is_no_cut_however_long_it_may_last(fps: int, tmp_path: Path) -> None:
    street, flash = picture("astronaut"), picture("coffee")
    for length in range(1, round(FLASH_SECONDS * fps) + 1):
        assert found([street] * fps + [flash] * length + [street] * fps, fps, tmp_path) == [], length


@pytest.mark.parametrize("fps", [10, 24, 25, 60])
@pytest.mark.parametrize("first", [1, 2, 30])
def test_a_cut_is_found_however_short_the_first_shot_is(first: int, fps: int, tmp_path: Path) -> None:
    frames = [picture("astronaut")] * first + [picture("coffee")] * 40
    assert found(frames, fps, tmp_path) == [first]
    assert found(frames[::-1], fps, tmp_path) == [40]
