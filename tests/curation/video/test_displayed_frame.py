"""Frames as a viewer sees them: orientation, pixel aspect, colour, size."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest

from curation.video.clip_frames import decode_clip
from curation.video.displayed_frame import displayed_array
from curation.video.sampling import FrameRequest
from tests.curation.video.clip_files import Picture, write_clip
from tests.material.recipes import Encoding

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def quarters(width: int, height: int) -> Picture:
    """A picture whose quarters are red, green / blue, white."""
    picture = np.empty((height, width, 3), np.uint8)
    picture[: height // 2, : width // 2], picture[: height // 2, width // 2 :] = RED, GREEN
    picture[height // 2 :, : width // 2], picture[height // 2 :, width // 2 :] = BLUE, WHITE
    return picture


def centres(picture: Picture) -> Picture:
    """Colours at the centres of the four quarters, [2, 2, 3]."""
    height, width = picture.shape[:2]
    return picture[np.ix_([height // 4, 3 * height // 4], [width // 4, 3 * width // 4])]


def ffmpeg(*arguments: str | Path) -> bytes:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True).stdout


@pytest.mark.parametrize(
    "matrix",
    [
        ("-display_rotation", "0"),
        ("-display_rotation", "90"),
        ("-display_rotation", "180"),
        ("-display_rotation", "270"),
        ("-display_hflip",),
        ("-display_rotation", "90", "-display_vflip"),
    ],
    ids=" ".join,
)
def test_pictures_are_upright_as_ffmpeg_shows_them(tmp_path: Path, matrix: tuple[str, ...]) -> None:
    plain = write_clip(tmp_path / "plain.mp4", [quarters(320, 180)] * 2)
    turned = tmp_path / "turned.mp4"
    ffmpeg(*matrix, "-i", plain, "-c", "copy", turned)
    frame = decode_clip(turned, {"it": FrameRequest("middle")})["it"][0]
    shown = ffmpeg("-i", turned, "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    reference = np.frombuffer(shown, np.uint8).reshape(frame.shape)
    np.testing.assert_allclose(centres(frame).astype(int), centres(reference).astype(int), atol=4)


@pytest.mark.parametrize(
    ("aspect", "shape"), [("2/1", (90, 320)), ("1/2", (90, 80)), ("1/1", (90, 160)), ("100/1", (90, 160))]
)
def test_pixels_are_made_square(tmp_path: Path, aspect: str, shape: tuple[int, int]) -> None:
    clip = tmp_path / "clip.mp4"
    plain = write_clip(tmp_path / "plain.mp4", [quarters(160, 90)] * 2)
    ffmpeg("-i", plain, "-vf", f"setsar={aspect}:max=1000", "-c:v", "libx264", clip)
    frames = decode_clip(clip, {"full": FrameRequest("middle"), "small": FrameRequest("middle", short_side=45)})
    assert frames["full"].shape[1:3] == shape
    assert min(frames["small"].shape[1:3]) == 45
    np.testing.assert_allclose(centres(frames["full"][0])[1, 1], WHITE, atol=3)


@pytest.mark.parametrize(
    ("limits", "shape"),
    [
        ({"short_side": 64}, (64, 114)),
        ({"long_side": 320}, (180, 320)),
        ({"short_side": 64, "long_side": 100}, (56, 100)),
        ({"short_side": 2000, "long_side": 2000}, (720, 1280)),
    ],
)
def test_sizes(limits: dict[str, int], shape: tuple[int, int]) -> None:
    frame = av.VideoFrame.from_ndarray(np.zeros((720, 1280, 3), np.uint8), format="rgb24")
    assert displayed_array(frame, **limits).shape == (*shape, 3)
    assert displayed_array(frame, pixel_format="gray", **limits).shape == (*shape, 1)


@pytest.mark.parametrize(("lines", "matrix"), [(576, "itu601"), (720, "itu709")])
@pytest.mark.parametrize("tagged", [True, False])
def test_colours_come_back(lines: int, matrix: str, tagged: bool) -> None:
    picture = av.VideoFrame.from_ndarray(quarters(64, lines), format="rgb24")
    coded = picture.reformat(format="yuv420p", dst_colorspace=matrix)
    if not tagged:
        coded.colorspace = 2
    frame = displayed_array(coded)
    np.testing.assert_allclose(centres(frame), [[RED, GREEN], [BLUE, WHITE]], atol=3)


def test_ten_bits_and_grey(tmp_path: Path) -> None:
    hevc = Encoding("hevc10", ".mp4", "libx265", pixel_format="yuv420p10le", options={"x265-params": "log-level=none"})
    clip = write_clip(tmp_path / "clip.mp4", [quarters(64, 64)] * 3, encoding=hevc)
    frames = decode_clip(clip, {"grey": FrameRequest("middle", pixel_format="gray"), "colour": FrameRequest("middle")})
    assert frames["grey"].dtype == np.uint8
    np.testing.assert_allclose(centres(frames["grey"][0])[..., 0], [[76, 150], [29, 255]], atol=3)
    np.testing.assert_allclose(centres(frames["colour"][0]), [[RED, GREEN], [BLUE, WHITE]], atol=8)


def test_area_scaling_is_a_mean() -> None:
    checks = (np.indices((64, 64)).sum(axis=0) % 2 * 200).astype(np.uint8)
    frame = av.VideoFrame.from_ndarray(checks, format="gray")
    small = displayed_array(frame, pixel_format="gray", short_side=16, sample_aspect_ratio=Fraction(1))
    np.testing.assert_allclose(small[2:-2, 2:-2], 100, atol=1)
