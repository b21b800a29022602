"""Still images as videos: exact length, smooth motion, never beyond the edge, the same bytes every time."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from pydantic import ValidationError

from curation.errors import ItemError, ItemTimeoutError
from curation.video.displayed_frame import displayed_array
from curation.video.types import Deadline, SourceVideo
from stages.clipping import Clipping
from stages.cut_detection import CutDetection
from stages.pseudo_video import PseudoVideo
from stages.stills.motion import Motion, plan_motion
from stages.stills.render import render

SPOT = (310.0, 222.0)


def spotted(width: int = 640, height: int = 480, sigma: float = 9.0) -> Image.Image:
    """A grey image with one bright, smooth spot at `SPOT`."""
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    spot = 150 * np.exp(-((x - SPOT[0]) ** 2 + (y - SPOT[1]) ** 2) / (2 * sigma**2))
    return Image.fromarray(np.round(80 + spot).astype(np.uint8)).convert("RGB")


def track(frame: npt.NDArray[np.uint8]) -> tuple[float, float]:
    """Where the spot is in a frame, in pixels: its centre of mass."""
    weight = np.clip(frame[..., 1].astype(float) - 95, 0, None)
    y, x = np.mgrid[: frame.shape[0], : frame.shape[1]] + 0.5
    return float((weight * x).sum() / weight.sum()), float((weight * y).sum() / weight.sum())


def expected(motion: Motion) -> npt.NDArray[np.float64]:
    left, top, right, bottom = motion.boxes.T
    width, height = motion.size
    return np.stack([(SPOT[0] - left) / (right - left) * width, (SPOT[1] - top) / (bottom - top) * height], axis=1)


def made(path: Path, workdir: Path, *, video_id: str = "id", **config: Any) -> SourceVideo:
    workdir.mkdir(parents=True, exist_ok=True)
    video = SourceVideo(video_id, str(path), path, workdir, kind="image")
    assert list(PseudoVideo(PseudoVideo.Config(**config)).split(video)) == []
    return video


def decoded(path: Path) -> list[npt.NDArray[np.uint8]]:
    with av.open(str(path)) as container:
        return [displayed_array(frame, pixel_format="rgb24") for frame in container.decode(video=0)]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "image.png"
    spotted().save(path)
    return path


def test_motion_is_smooth_to_a_fraction_of_a_pixel(image: Path, tmp_path: Path) -> None:
    for seed in range(2):
        video = made(image, tmp_path / str(seed), seed=seed, seconds=2, crf=8)
        motion = plan_motion(640, 480, 48, 1.3, 720, f"{seed}/id")
        places = np.array([track(frame) for frame in decoded(video.path)])
        assert np.abs(places - expected(motion)).max() < 0.1
        assert np.linalg.norm(places[-1] - places[0]) > 3, "the spot moves"
        before_encoding = np.array([track(frame) for frame in render(spotted(), motion, Deadline())])
        assert np.abs(np.diff(before_encoding, n=2, axis=0)).max() < 0.05


def test_the_tracker_sees_windows_that_jump_by_whole_pixels() -> None:
    motion = plan_motion(640, 480, 48, 1.3, 720, "0/id")
    stepping = Motion(motion.size, np.round(motion.boxes))
    places = np.array([track(frame) for frame in render(spotted(), stepping, Deadline())])
    assert np.abs(np.diff(places, n=2, axis=0)).max() > 0.3


@pytest.mark.parametrize(("seconds", "fps", "frames"), [(4, 24, 96), (1.5, 29.97, 45), (0.01, 24, 1), (2, 12.5, 25)])
def test_exact_duration(image: Path, tmp_path: Path, seconds: float, fps: float, frames: int) -> None:
    video = made(image, tmp_path / "work", seconds=seconds, fps=fps, short_side=96)
    info = video.info
    assert info is not None
    assert (info.num_frames, info.is_vfr, info.rotation, info.has_audio) == (frames, False, 0, False)
    rate = Fraction(fps).limit_denominator(1001)
    assert info.duration_s == pytest.approx(float(frames / rate), rel=1e-9)
    assert len(decoded(video.path)) == frames


def test_no_border_ever_shows(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(150, 256, (301, 203, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((203, 301)).save(tmp_path / "bright.png")
    for seed in range(4):
        video = made(tmp_path / "bright.png", tmp_path / str(seed), seed=seed, seconds=1, max_zoom=1.2)
        assert min(int(frame.min()) for frame in decoded(video.path)) > 110


def test_the_same_image_gives_the_same_bytes_and_another_id_another_motion(image: Path, tmp_path: Path) -> None:
    digests = [
        hashlib.sha256(made(image, tmp_path / name, video_id=video_id, seconds=1).path.read_bytes()).hexdigest()
        for name, video_id in (("a", "1"), ("b", "1"), ("c", "2"))
    ]
    assert digests[0] == digests[1] != digests[2]


def test_colours_arrive(tmp_path: Path) -> None:
    Image.new("RGB", (200, 120), (200, 60, 30)).save(tmp_path / "red.png")
    for frame in decoded(made(tmp_path / "red.png", tmp_path / "work", seconds=0.2).path):
        assert np.abs(frame.astype(int) - (200, 60, 30)).max() <= 4


def test_a_large_image_is_reduced_without_aliasing(tmp_path: Path) -> None:
    stripes = np.zeros((2400, 3200, 3), np.uint8)
    stripes[:, ::2] = 255
    Image.fromarray(stripes).save(tmp_path / "stripes.png")
    video = made(tmp_path / "stripes.png", tmp_path / "work", seconds=0.25, short_side=120)
    assert video.info is not None
    assert (video.info.width, video.info.height) == (160, 120)
    for frame in decoded(video.path):
        assert frame.std() < 3
        assert abs(frame.mean() - 127) < 3


def test_cut_detection_and_clipping_take_it_for_one_clip_of_the_whole(image: Path, tmp_path: Path) -> None:
    video = made(image, tmp_path / "work", short_side=240)
    list(CutDetection(CutDetection.Config()).split(video))
    clips = list(Clipping(Clipping.Config(mode="copy")).split(video))
    assert [(clip.num_frames, clip.mode, clip.verified) for clip in clips] == [(96, "copy", True)]
    assert video.transitions == []
    assert video.lost_s == 0


def test_videos_pass_through(bikes: Path, tmp_path: Path) -> None:
    video = SourceVideo("id", str(bikes), bikes, tmp_path)
    assert list(PseudoVideo(PseudoVideo.Config()).split(video)) == []
    assert (video.path, video.info) == (bikes, None)
    assert list(tmp_path.iterdir()) == []


def test_failures(image: Path, tmp_path: Path) -> None:
    with pytest.raises(ItemError, match=r"too small: 640 × 480; the shorter side must have 500 pixels"):
        made(image, tmp_path / "small", min_side=500)
    video = SourceVideo("id", str(image), image, tmp_path, kind="image", deadline=Deadline(1e-9))
    with pytest.raises(ItemTimeoutError, match=r"run\.timeout_s"):
        PseudoVideo(PseudoVideo.Config()).split(video)
    for bad in ({"seconds": 0}, {"max_zoom": 1}, {"fps": 0}):
        with pytest.raises(ValidationError):
            PseudoVideo.Config(**bad)
