"""Videos as files: what is read back, and that a file is whole or not there."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence

from models.diffusion import output
from models.diffusion.errors import DiffusionError
from models.diffusion.output import Format, Frames, to_frames, write_sidecar, write_video


def moving(count: int = 9, height: int = 48, width: int = 64) -> Frames:
    """A bright square that moves over a gradient."""
    frames = np.zeros((count, height, width, 3), np.uint8)
    frames[..., 0] = np.linspace(0, 200, width).astype(np.uint8)
    frames[..., 1] = 60
    for number, frame in enumerate(frames):
        frame[16:32, 4 * number : 4 * number + 16] = (240, 220, 30)
    return frames


def decoded(path: Path) -> tuple[Frames, Any]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        return np.stack(pictures), (stream.codec_context.name, stream.average_rate, stream.pix_fmt)


def psnr(one: Frames, other: Frames) -> float:
    return float(10 * np.log10(255**2 / np.mean((one.astype(float) - other.astype(float)) ** 2)))


@pytest.mark.parametrize("fps", [7.0, 29.97, 24.0])
def test_an_mp4_plays_the_frames_at_their_rate(tmp_path: Path, fps: float) -> None:
    write_video(tmp_path / "a.mp4", moving(), fps, "mp4")
    found, (codec, rate, layout) = decoded(tmp_path / "a.mp4")
    assert (codec, layout, found.shape) == ("h264", "yuv420p", (9, 48, 64, 3))
    assert float(rate) == pytest.approx(fps, rel=1e-4)
    assert psnr(found, moving()) > 30
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4"]


def test_a_gif_plays_the_frames_in_their_time(tmp_path: Path) -> None:
    write_video(tmp_path / "a.gif", moving(), 7, "gif")
    with Image.open(tmp_path / "a.gif") as gif:
        frames = [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(gif)]
        stays = [frame.info["duration"] for frame in ImageSequence.Iterator(gif)]
    assert np.array_equal(np.stack(frames), moving())
    assert sum(stays) == round(9 / 7 * 100) * 10
    assert set(stays) == {140, 150}


def test_png_pictures_are_exact(tmp_path: Path) -> None:
    write_video(tmp_path / "a", moving(3), 7, "png")
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["00000.png", "00001.png", "00002.png"]
    for number, frame in enumerate(moving(3)):
        assert np.array_equal(np.asarray(Image.open(tmp_path / "a" / f"{number:05d}.png")), frame)
    write_video(tmp_path / "one.png", moving(1), 7, "png")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "one.png")), moving(1)[0])


@pytest.mark.parametrize("form", ["mp4", "gif"])
def test_same_frames_same_bytes(tmp_path: Path, form: Format) -> None:
    for name in ("a", "b"):
        write_video(tmp_path / name, moving(), 7, form)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_pixels_are_rounded_and_clipped() -> None:
    pixels = torch.tensor([-1.5, -1.0, 0.0, 0.999, 1.0, 3.0]).view(1, 1, 1, 6).expand(2, 3, 1, 6)
    frames = to_frames(pixels)
    assert frames.shape == (2, 1, 6, 3)
    assert frames[0, 0, :, 0].tolist() == [0, 0, 128, 255, 255, 255]


@pytest.mark.parametrize("form", ["mp4", "gif", "png"])
def test_what_is_there_is_not_overwritten_unasked(tmp_path: Path, form: Format) -> None:
    path = tmp_path / "a"
    write_video(path, moving(2), 7, form)
    with pytest.raises(DiffusionError, match="--overwrite"):
        write_video(path, moving(4), 7, form)
    write_video(path, moving(4), 7, form, overwrite=True)
    if form == "png":
        assert len(list(path.iterdir())) == 4
    elif form == "mp4":
        assert len(decoded(path)[0]) == 4


@pytest.mark.parametrize("form", ["mp4", "png"])
def test_a_folder_of_other_things_is_not_overwritten_even_so(tmp_path: Path, form: Format) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "thesis.txt").write_text("mine")
    with pytest.raises(DiffusionError, match="holds other things"):
        write_video(tmp_path / "a", moving(2), 7, form, overwrite=True)
    assert (tmp_path / "a" / "thesis.txt").read_text() == "mine"


def test_a_full_disk_is_told_and_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.gif"
    write_video(path, moving(2), 7, "gif")
    before = path.read_bytes()

    def fill_disk(aside: Path, frames: Frames, fps: float) -> None:
        aside.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(output, "_write_gif", fill_disk)
    with pytest.raises(DiffusionError, match=r"a\.gif: cannot be written: the disk is full"):
        write_video(path, moving(4), 7, "gif", overwrite=True)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_sides_that_h264_cannot_have_are_told(tmp_path: Path) -> None:
    with pytest.raises(DiffusionError, match=r"a\.mp4: cannot be written"):
        write_video(tmp_path / "a.mp4", moving(2, 47, 63), 7, "mp4")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DiffusionError, match="cannot be written"):
        write_sidecar(tmp_path / "file" / "a.json", {})


def test_a_sidecar_is_json(tmp_path: Path) -> None:
    write_sidecar(tmp_path / "new" / "a.json", {"prompt": "ein Mädchen", "seed": 3})
    assert json.loads((tmp_path / "new" / "a.json").read_text(encoding="utf-8")) == {"prompt": "ein Mädchen", "seed": 3}
