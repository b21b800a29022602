"""Frames by time stamp: which are read, and what becomes of them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from curation.video.displayed_frame import displayed_array
from models.diffusion.data.errors import ClipError
from models.diffusion.data.pixels import read_pixels
from tests.curation.video.clip_files import numbered, numbers_of, write_clip
from tests.material.recipes import Encoding
from tests.models.diffusion.data.packed import H264, Clip, video

SIZE = (48, 64)


def read(path: Path | bytes, **wanted: Any) -> list[int]:
    media = io.BytesIO(path if isinstance(path, bytes) else path.read_bytes())
    pixels, _ = read_pixels(media, **{"size": SIZE, "clip_fps": 24.0, **wanted})
    return numbers_of(pixels)


@pytest.mark.parametrize(
    ("fps", "start", "frames", "expected"),
    [
        (24, 0, 5, [0, 1, 2, 3, 4]),
        (24, 0, 24, list(range(24))),
        (24, 13, 5, [13, 14, 15, 16, 17]),
        (12, 0, 4, [0, 2, 4, 6]),
        (12, 8, 4, [16, 18, 20, 22]),
        (8, 3, 3, [9, 12, 15]),
        (6, 1, 1, [4]),
        (10, 0, 5, [0, 2, 5, 7, 10]),  # nearest to 0, 2.4, 4.8, 7.2, 9.6
    ],
)
def test_frames_at_a_rate(tmp_path: Path, fps: float, start: int, frames: int, expected: list[int]) -> None:
    assert read(video(Clip("a"), tmp_path), fps=fps, start=start, frames=frames) == expected


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(25), Fraction(60)])
def test_every_frame_of_an_own_rate_once(tmp_path: Path, rate: Fraction) -> None:
    """However its time stamps are rounded."""
    path = write_clip(tmp_path / "a.mp4", numbered(48, 64, 48), rate, encoding=H264)
    expected = list(range(20, 48))
    assert read(path, fps=float(rate), clip_fps=float(rate), start=20, frames=28) == expected


def test_a_varying_rate_is_read_by_time(tmp_path: Path) -> None:
    """Frame 2 stays for a second."""
    seconds = [Fraction(number, 24) + (1 if number > 2 else 0) for number in range(12)]
    path = write_clip(tmp_path / "a.mp4", numbered(12, 64, 48), seconds=seconds, encoding=H264)
    mean = 12 / float(seconds[-1] + Fraction(1, 24))
    shift = 0.5 / mean
    times = [number / 4 + shift for number in range(5)]
    expected = [max(n for n, at in enumerate(seconds) if at <= time) for time in times]
    assert read(path, fps=4.0, clip_fps=mean, start=0, frames=5) == expected


def test_no_more_is_decoded_than_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = video(Clip("a", frames=48), tmp_path)
    decoded = []
    from models.diffusion.data import frames as module

    whole = module._stamped
    monkeypatch.setattr(module, "_stamped", lambda *what: (decoded.append(one) or one for one in whole(*what)))
    assert read(data, fps=24, start=20, frames=4) == [20, 21, 22, 23]
    assert len(decoded) <= 4 + 8 + 3  # keyframes are eight frames apart


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_pictures_are_upright_and_of_the_same_colours_as_elsewhere(tmp_path: Path, rotation: Any) -> None:
    rng = np.random.default_rng(0)
    blocks = np.kron(rng.integers(0, 255, (6, 8, 3), np.uint8), np.ones((16, 16, 1), np.uint8))
    encoding = Encoding("h264", ".mp4", "libx264", rotation=rotation, options={"crf": "4"})
    path = write_clip(tmp_path / "a.mp4", [blocks] * 3, encoding=encoding)
    with av.open(str(path)) as container:
        expected = displayed_array(next(container.decode(video=0)))
    pixels, cut = read_pixels(
        io.BytesIO(path.read_bytes()), fps=24, clip_fps=24, start=0, frames=1, size=expected.shape[:2]
    )
    assert (cut.height, cut.width) == expected.shape[:2]
    assert np.abs(pixels[0].astype(int) - expected).max() <= 2


def picture(path: Path, size: tuple[int, int], crop: tuple[float, float], **more: Any) -> tuple[Any, Sequence[int]]:
    pixels, cut = read_pixels(
        io.BytesIO(path.read_bytes()), fps=24, clip_fps=24, start=0, frames=1, size=size, crop=crop, **more
    )
    return pixels[0], (cut.top, cut.left)


def test_what_is_cut_off(tmp_path: Path) -> None:
    """A picture 64 wide and 48 high whose columns grow lighter to the right."""
    ramp = np.broadcast_to(np.arange(64, dtype=np.uint8)[None, :, None] * 3 + 20, (48, 64, 3))
    path = write_clip(tmp_path / "a.mp4", [np.ascontiguousarray(ramp)] * 2)
    for share, left in ((0.0, 0), (0.5, 8), (0.999999, 16)):
        found, cut = picture(path, (48, 48), (0.5, share))
        assert cut == (0, left)
        assert np.abs(found[:, :, 1].mean(0) - ramp[0, left : left + 48, 1]).max() < 3
    found, cut = picture(path, (48, 48), (0.5, 0.0), is_mirrored=True)
    assert np.abs(found[:, ::-1, 1].mean(0) - ramp[0, :48, 1]).max() < 3
    assert picture(path, (24, 64), (1.0 - 1e-9, 0.5))[1] == (24, 0)
    assert picture(path, (96, 128), (0.5, 0.5))[0].shape == (96, 128, 3)


def test_damage_is_told(tmp_path: Path) -> None:
    whole = video(Clip("a"), tmp_path)
    for data, wanted, reason in (
        (b"no video", {}, "cannot be opened as video"),
        (whole[: len(whole) // 3], {}, "cannot be opened|cannot be decoded"),
        (whole, {"start": 20, "frames": 10}, "ends after 1.000 s"),
    ):
        with pytest.raises(ClipError, match=reason):
            read(data, **{"fps": 24, "start": 0, "frames": 5, **wanted})


def test_playlists_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(video(Clip("a"), tmp_path))
    playlist = f"#EXTM3U\n#EXTINF:1,\n{tmp_path}/a.mp4\n#EXT-X-ENDLIST\n".encode()
    with pytest.raises(ClipError, match="cannot be opened"):
        read(playlist, fps=24, start=0, frames=1)
