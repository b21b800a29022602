"""What is asked for, against what a model takes; prompts and pictures from files; where videos go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from models.diffusion.conditioning import ConditioningSettings, FrameSettings
from models.diffusion.conditioning_image import read_image
from models.diffusion.destinations import destinations
from models.diffusion.device import choose_device
from models.diffusion.errors import DiffusionError
from models.diffusion.output import Format
from models.diffusion.prompts import read_prompts
from models.diffusion.request import Look, Request, check_size, check_told, make_requests

TEXT = ConditioningSettings()
IMAGE = ConditioningSettings(context="image", frame=FrameSettings())
BOTH = ConditioningSettings(frame=FrameSettings(), extra=("aesthetic_score", "crop"))
CAT, DOG = Path("cat.png"), Path("dog.png")


def test_requests_of_each_kind_of_model() -> None:
    assert make_requests(TEXT, ["a", " b "], []) == [Request(0, "a"), Request(1, "b")]
    assert make_requests(BOTH, ["a", "b"], [CAT], 5) == [Request(5, "a", CAT), Request(6, "b", CAT)]
    assert make_requests(IMAGE, [], [CAT, DOG]) == [Request(0, None, CAT), Request(1, None, DOG)]


@pytest.mark.parametrize(
    ("settings", "prompts", "images", "told"),
    [
        (TEXT, [], [], "give --prompt"),
        (TEXT, ["a", " "], [], "prompt is empty"),
        (TEXT, ["a"], [CAT], "takes no image"),
        (BOTH, ["a"], [], "give --image"),
        (BOTH, ["a"], [CAT, DOG], "give one image"),
        (IMAGE, ["a"], [CAT], "leave the prompt away"),
        (IMAGE, [], [], "give --image"),
    ],
)
def test_what_a_model_cannot_use_is_told(
    settings: ConditioningSettings, prompts: list[str], images: list[Path], told: str
) -> None:
    with pytest.raises(DiffusionError, match=told):
        make_requests(settings, prompts, images)


def look(**different: Any) -> Look:
    return Look(**{"frames": 14, "height": 64, "width": 96, "fps": 7, **different})


@pytest.mark.parametrize(
    ("settings", "different", "told"),
    [
        (TEXT, {"motion_bucket": 256}, "0 to 255"),
        (TEXT, {"motion_bucket": -1}, "0 to 255"),
        (ConditioningSettings(motion_bucket=False), {"motion_bucket": 3}, "leave --motion away"),
        (TEXT, {"extra": {"aesthetic_score": (6.0,)}}, "those that it was told: none"),
        (BOTH, {"extra": {"beauty": (6.0,)}}, "aesthetic_score, crop"),
        (BOTH, {"extra": {"crop": (6.0,)}}, "takes 2 numbers"),
    ],
)
def test_what_a_model_cannot_make_is_told(settings: ConditioningSettings, different: dict[str, Any], told: str) -> None:
    with pytest.raises(DiffusionError, match=told):
        check_told(settings, look(**different))


def test_what_a_model_can_make_is_let_pass() -> None:
    check_told(TEXT, look(motion_bucket=255))
    check_told(BOTH, look(extra={"aesthetic_score": (6.0,), "crop": (0.0, 0.0)}))
    check_size(look(), 8)


@pytest.mark.parametrize(("width", "height", "nearest"), [(97, 64, "96x64"), (96, 3, "96x8"), (101, 61, "104x64")])
def test_sizes_that_no_latents_have_are_told(width: int, height: int, nearest: str) -> None:
    with pytest.raises(DiffusionError, match=f"multiples of 8; {nearest} is nearest"):
        check_size(look(width=width, height=height), 8)


def test_prompts_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_bytes("\ufeffein Mädchen\r\n\r\n  a dog \n".encode())
    assert read_prompts(tmp_path / "prompts.txt") == ["ein Mädchen", "a dog"]


@pytest.mark.parametrize(("content", "told"), [(b" \n\n", "holds no prompt"), (b"\xff\xfe\x00", "is not UTF-8")])
def test_a_file_without_prompts_is_told(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "prompts.txt"
    with pytest.raises(DiffusionError, match="No such file"):
        read_prompts(path)
    path.write_bytes(content)
    with pytest.raises(DiffusionError, match=told):
        read_prompts(path)


def test_a_picture_is_scaled_and_its_middle_taken(tmp_path: Path) -> None:
    """Three bands side by side: the outer ones are cut away."""
    pixels = np.zeros((40, 120, 3), np.uint8)
    pixels[:, :40], pixels[:, 40:80], pixels[:, 80:] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    found = read_image(tmp_path / "a.png", 20, 20)
    assert found.shape == (3, 20, 20)
    middle = torch.tensor([-1.0, 1.0, -1.0])[:, None, None].expand(3, 20, 16)
    torch.testing.assert_close(found[:, :, 2:-2], middle, atol=0.05, rtol=0)


def test_a_picture_of_its_size_is_taken_as_it_is(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (16, 24, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    found = read_image(tmp_path / "a.png", 16, 24)
    torch.testing.assert_close(found, torch.from_numpy(pixels).permute(2, 0, 1) / 127.5 - 1)


def test_a_picture_is_turned_upright_and_laid_on_white(tmp_path: Path) -> None:
    pixels = np.zeros((8, 16, 4), np.uint8)
    pixels[:, 8:, 3] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    found = read_image(tmp_path / "a.png", 16, 8)
    assert float(found[:, :7].min()) == 1
    assert float(found[:, 9:].max()) == -1


def test_what_is_no_picture_is_told(tmp_path: Path) -> None:
    with pytest.raises(DiffusionError, match="No such file"):
        read_image(tmp_path / "a.png", 8, 8)
    (tmp_path / "a.png").write_text("text")
    with pytest.raises(DiffusionError, match="is no picture"):
        read_image(tmp_path / "a.png", 8, 8)
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)).save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:2000])
    with pytest.raises(DiffusionError, match=r"cut\.png: ") as raised:
        read_image(tmp_path / "cut.png", 8, 8)
    assert "\n" not in str(raised.value)


def test_where_videos_go(tmp_path: Path) -> None:
    one, two = [Request(4, "a")], [Request(4, "a"), Request(5, "b")]

    def names(output: Path, form: Format | None, requests: list[Request], frames: int = 14) -> list[str]:
        found = destinations(output, form, requests, frames, overwrite=False)
        return [f"{one.video.relative_to(tmp_path)} {one.form} {one.sidecar.name}" for one in found]

    assert names(tmp_path / "a.mp4", None, one) == ["a.mp4 mp4 a.json"]
    assert names(tmp_path / "a.GIF", None, one) == ["a.GIF gif a.json"]
    assert names(tmp_path / "a.png", None, one, frames=1) == ["a.png png a.json"]
    assert names(tmp_path / "a", None, two) == ["a/00004.mp4 mp4 00004.json", "a/00005.mp4 mp4 00005.json"]
    assert names(tmp_path / "a", "png", one) == ["a/00004 png 00004.json"]
    assert names(tmp_path / "a", "png", one, frames=1) == ["a/00004.png png 00004.json"]


@pytest.mark.parametrize(
    ("name", "form", "count", "frames", "told"),
    [
        ("a.mp4", None, 2, 14, "one file for 2 videos"),
        ("a.mp4", "gif", 1, 14, "is no gif"),
        ("a.png", None, 1, 14, "one of 14 frames"),
        ("a.avi", None, 1, 14, r"\.mp4, \.gif or \.png"),
        ("notes.txt/a.mp4", None, 1, 14, r"notes\.txt is a file"),
    ],
)
def test_where_videos_cannot_go(
    tmp_path: Path, name: str, form: Format | None, count: int, frames: int, told: str
) -> None:
    requests = [Request(number, "a") for number in range(count)]
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DiffusionError, match=told):
        destinations(tmp_path / name, form, requests, frames, overwrite=False)


def test_a_url_is_no_place_for_videos() -> None:
    with pytest.raises(DiffusionError, match="is a URL"):
        destinations(Path("s3://bucket/a.mp4"), None, [Request(0, "a")], 14, overwrite=False)


@pytest.mark.parametrize("existing", ["a.mp4", "a.json"])
def test_neither_video_nor_sidecar_may_be_there(tmp_path: Path, existing: str) -> None:
    (tmp_path / existing).write_text("")
    with pytest.raises(DiffusionError, match="is there already"):
        destinations(tmp_path / "a.mp4", None, [Request(0, "a")], 14, overwrite=False)
    assert destinations(tmp_path / "a.mp4", None, [Request(0, "a")], 14, overwrite=True)


def test_devices() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type in ("cpu", "cuda")
    with pytest.raises(DiffusionError, match="should be auto, cpu, cuda"):
        choose_device("tpu")
    with pytest.raises(DiffusionError, match="PyTorch finds"):
        choose_device("cuda:99")
