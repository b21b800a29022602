"""`motion_score` against pans of known speed, in real files of several sizes and rates."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage

from curation.errors import ItemError
from stages.optical_flow import OpticalFlow
from tests.curation.video.clip_files import Picture, numbered, write_clip
from tests.stages.clip_samples import sample_of

DIRECTION = np.array([0.8, 0.6])


@lru_cache(maxsize=4)
def photograph(name: str) -> Picture:
    picture = cv2.imread(str(Path(skimage.__file__).parent / "data" / name))
    return cv2.resize(picture, (1400, 1400), interpolation=cv2.INTER_CUBIC)


def pan(
    picture: Picture, speed: float, *, height: int = 360, fps: Fraction | int = 24, seconds: float = 2
) -> list[Picture]:
    """A view of 16:9 that moves over the picture by ``speed`` percent of its short side per second."""
    view = 700
    frames = []
    for number in range(int(seconds * fps)):
        x, y = DIRECTION * speed / 100 * view * float(number / fps)
        matrix = np.array([[1.0, 0, x], [0, 1.0, y]])
        seen = cv2.warpAffine(picture, matrix, (view * 16 // 9, view), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        frames.append(cv2.resize(seen, (height * 16 // 9 // 2 * 2, height), interpolation=cv2.INTER_AREA))
    return frames


def motion_score(path: Path, **config: float) -> float:
    stage = OpticalFlow(OpticalFlow.Config(**config))
    stage.setup()
    (result,) = stage.annotate([sample_of(stage, path)])
    if isinstance(result, ItemError):
        raise result
    return float(result["motion_score"])


@pytest.mark.parametrize("height", [144, 360, 720])
def test_a_pan_has_its_speed_at_every_resolution(tmp_path: Path, height: int) -> None:
    clip = write_clip(tmp_path / "pan.mp4", pan(photograph("gravel.png"), 8, height=height, fps=8), 8)
    for short_side in (64, 128):
        assert motion_score(clip, short_side=short_side) == pytest.approx(8, rel=0.1)


@pytest.mark.parametrize("name", ["gravel.png", "astronaut.png", "grass.png"])
@pytest.mark.parametrize("speed", [1, 4, 16])
def test_a_pan_has_its_speed(tmp_path: Path, name: str, speed: float) -> None:
    clip = write_clip(tmp_path / "pan.mp4", pan(photograph(name), speed, height=180, fps=8), 8)
    assert motion_score(clip) == pytest.approx(speed, rel=0.1)


@pytest.mark.parametrize("fps", [Fraction(24000, 1001), Fraction(25), Fraction(60)])
def test_it_does_not_depend_on_the_rates(tmp_path: Path, fps: Fraction) -> None:
    clip = write_clip(tmp_path / "pan.mp4", pan(photograph("gravel.png"), 6, height=144, fps=fps, seconds=2.1), fps)
    for sampled in (1, 2, 8):
        assert motion_score(clip, fps=sampled) == pytest.approx(6, rel=0.05)


@pytest.mark.parametrize("frames", [3, 6, 10])
def test_a_clip_shorter_than_the_sampling_step(tmp_path: Path, frames: int) -> None:
    clip = write_clip(tmp_path / "pan.mp4", pan(photograph("gravel.png"), 20, seconds=frames / 24))
    assert motion_score(clip) == pytest.approx(20, rel=0.1)


def test_variable_frame_rate(tmp_path: Path) -> None:
    numbers = [0, 3, 4, 10, 12, 13, 24, 30, 31, 36, 47, 48, 60, 61, 71]
    pictures = pan(photograph("gravel.png"), 6, seconds=3)
    times = [Fraction(number, 24) for number in numbers]
    clip = write_clip(tmp_path / "pan.mp4", [pictures[number] for number in numbers], seconds=times)
    assert motion_score(clip) == pytest.approx(6, rel=0.15)


def test_a_still_picture_has_none(tmp_path: Path) -> None:
    still = write_clip(tmp_path / "still.mp4", [pan(photograph("astronaut.png"), 0, seconds=0.1)[0]] * 48)
    assert motion_score(still) < 0.05


def test_real_scenes_are_ranked(tmp_path: Path, bikes: Path) -> None:
    from tests.curation.video.clip_files import decoded_frames

    scene = decoded_frames(bikes, range(140, 180))
    moving = write_clip(tmp_path / "moving.mp4", [frame.to_ndarray(format="rgb24") for frame in scene.values()], 25)
    frozen = write_clip(tmp_path / "frozen.mp4", [scene[150].to_ndarray(format="rgb24")] * 40, 25)
    assert motion_score(moving) > 1 > motion_score(frozen)


def test_one_frame_has_no_score_but_a_reason(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "one.mp4", numbered(1))
    with pytest.raises(ItemError, match="one frame"):
        motion_score(clip)


def test_tiny_pictures(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "tiny.mp4", numbered(30, width=16, height=16))
    assert 0 <= motion_score(clip) < 1000
