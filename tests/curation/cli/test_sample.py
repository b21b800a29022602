"""`curation sample` as a user calls it: videos, what stands beside them, and what goes wrong."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from PIL import Image

from models.diffusion.ema import PowerProfile
from models.diffusion.ema_reconstruction import save_snapshot
from tests.models.diffusion.tiny_trained import (
    TinyTrained,
    recipe_of,
    write_image_encoder,
    write_text_encoder,
    write_training,
)

Call = Callable[..., subprocess.CompletedProcess[str]]
QUICK = ("--frames", "3", "--size", "24x16", "--steps", "2", "--device", "cpu")


@pytest.fixture(scope="module")
def from_text(tmp_path_factory: pytest.TempPathFactory) -> TinyTrained:
    folder = tmp_path_factory.mktemp("text")
    return write_training(folder / "output", recipe_of(write_text_encoder(folder)))


@pytest.fixture(scope="module")
def from_image(tmp_path_factory: pytest.TempPathFactory) -> TinyTrained:
    folder = tmp_path_factory.mktemp("image")
    conditioning = {"context": "image", "frame": {}, "motion_buckets": 8}
    return write_training(folder / "output", recipe_of(write_image_encoder(folder), conditioning=conditioning))


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "first frame.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)).save(path)
    return path


def told(path: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return values


def test_a_video_and_what_stands_beside_it(from_text: TinyTrained, tmp_path: Path, curation_here: Call) -> None:
    video = tmp_path / "new" / "cat.mp4"
    done = curation_here(
        "sample", from_text.output, "--prompt", "a cat", "-o", video, "--device", "cpu", "--motion-score", "2.5",
        "--fps", "6",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{video}  (and cat.json)" in done.stdout
    assert "8 frames at 6 per second, 48x32, seed 0" in done.stdout
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.average_rate) == ("h264", 6)
        assert [(frame.width, frame.height) for frame in container.decode(stream)] == [(48, 32)] * 8
    beside = told(video.with_suffix(".json"))
    weights = from_text.checkpoint(20) / "ema" / "0.050.safetensors"
    complete = told(from_text.checkpoint(20) / "complete.json")
    assert beside["prompt"] == "a cat"
    assert (beside["motion_bucket"], beside["fps"], beside["seed"]) == (2, 6, 0)
    assert beside["sampling"] == from_text.recipe.sampling.model_dump(mode="json")
    assert beside["model"]["sha256"] == complete["sha256"][weights.relative_to(from_text.checkpoint(20)).as_posix()]
    assert beside["model"]["recipe"] == from_text.recipe.model_dump(mode="json")
    assert beside["model"]["data"] == complete["data"]
    assert beside["model"]["encoder"].startswith("CLIP@")
    assert beside["versions"].keys() == {"curation", "torch"}


def again(command: str, output: Path) -> list[str]:
    words = shlex.split(command)
    assert words[:2] == ["curation", "sample"]
    words[words.index("--output") + 1] = str(output)
    return words[1:]


def test_the_command_beside_a_video_makes_it_again(
    from_text: TinyTrained, tmp_path: Path, curation_here: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the byte, from another folder, without any of the defaults that were in force."""
    monkeypatch.chdir(from_text.output.parent)
    (tmp_path / "prompts.txt").write_text('a cat\n\nit\'s "b" & $X\n')
    first = curation_here(
        "sample", "output", "--prompts", tmp_path / "prompts.txt", "-o", tmp_path / "videos", *QUICK, "--seed", "7",
        "--sampler", "heun", "--guidance", "3", "--ema", "0.1", "--quiet",
    )  # fmt: skip
    assert (first.returncode, first.stdout, first.stderr) == (0, "", "")
    monkeypatch.chdir(tmp_path)
    for number in (0, 1):
        video = tmp_path / "videos" / f"{number:05d}.mp4"
        words = again(told(video.with_suffix(".json"))["command"], tmp_path / f"{number}.mp4")
        assert curation_here(*words).returncode == 0
        assert (tmp_path / f"{number}.mp4").read_bytes() == video.read_bytes()
    assert told(tmp_path / "1.json")["prompt"] == 'it\'s "b" & $X'
    assert (tmp_path / "0.mp4").read_bytes() != (tmp_path / "1.mp4").read_bytes()


def test_a_video_from_a_picture_is_made_again(
    from_image: TinyTrained, picture: Path, tmp_path: Path, curation_here: Call
) -> None:
    words = ("sample", from_image.output, "--image", picture, *QUICK, "--augmentation", "0.1", "--motion", "6")
    assert curation_here(*words, "-o", tmp_path / "a.gif").returncode == 0
    beside = told(tmp_path / "a.json")
    assert (beside["prompt"], beside["image"]["path"], beside["augmentation"]) == (None, str(picture), 0.1)
    assert curation_here(*again(beside["command"], tmp_path / "b.gif")).returncode == 0
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()


def test_an_average_made_of_snapshots_is_told(from_text: TinyTrained, tmp_path: Path, curation_here: Call) -> None:
    for name in ("0.050", "0.100"):
        save_snapshot(from_text.output / "ema_snapshots", PowerProfile(float(name)), 20, from_text.averages[name])
    words = ("sample", from_text.output, "-p", "a", *QUICK, "--ema", "0.07")
    done = curation_here(*words, "-o", tmp_path / "a.mp4")
    assert done.returncode == 0
    assert "weights 0.07 of" in done.stdout
    assert told(tmp_path / "a.json")["model"]["ema"] == 0.07
    assert curation_here(*again(told(tmp_path / "a.json")["command"], tmp_path / "b.mp4")).returncode == 0
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_pictures_of_a_video_in_a_folder(from_text: TinyTrained, tmp_path: Path, curation_here: Call) -> None:
    done = curation_here("sample", from_text.output, "-p", "a", *QUICK, "-o", tmp_path / "a", "--format", "png")
    assert done.returncode == 0
    assert sorted(path.name for path in (tmp_path / "a" / "00000").iterdir()) == ["00000.png", "00001.png", "00002.png"]
    assert told(tmp_path / "a" / "00000.json")["frames"] == 3


def test_nothing_is_overwritten_unasked(from_text: TinyTrained, tmp_path: Path, curation_here: Call) -> None:
    words = ("sample", from_text.output, "-p", "a", *QUICK, "-o", tmp_path / "a.mp4")
    (tmp_path / "a.mp4").write_bytes(b"mine")
    done = curation_here(*words)
    assert done.returncode == 2
    assert "--overwrite" in done.stderr
    assert (tmp_path / "a.mp4").read_bytes() == b"mine"
    assert curation_here(*words, "--overwrite").returncode == 0
    assert (tmp_path / "a.mp4").stat().st_size > 100


def test_a_call_that_was_stopped_goes_on(from_text: TinyTrained, tmp_path: Path, curation_here: Call) -> None:
    """Of three videos one is whole, one lacks what is written last, one is missing: two are made, as they were."""
    (tmp_path / "prompts.txt").write_text("a\nb\nc\n")
    words = ("sample", from_text.output, "--prompts", tmp_path / "prompts.txt", *QUICK, "-o", tmp_path / "videos")
    assert curation_here(*words).returncode == 0
    videos = [tmp_path / "videos" / f"{number:05d}.mp4" for number in range(3)]
    whole = [video.read_bytes() for video in videos]
    first = videos[0].stat().st_mtime_ns
    videos[1].with_suffix(".json").unlink()
    videos[1].write_bytes(b"of something else")
    videos[2].unlink()
    done = curation_here(*words, "--skip-existing")
    assert done.returncode == 0
    assert "2 videos" in done.stdout
    assert [video.read_bytes() for video in videos] == whole
    assert videos[0].stat().st_mtime_ns == first
    assert "0 videos" in curation_here(*words, "--skip-existing").stdout


def test_a_prompt_that_is_too_long_is_told(from_text: TinyTrained, tmp_path: Path, curation_here: Call) -> None:
    done = curation_here("sample", from_text.output, "-p", "x" * 100, *QUICK, "-o", tmp_path / "a.mp4", "-q")
    assert done.returncode == 0
    assert done.stderr.startswith("warning: the text encoder does not read the end of a prompt this long: xxx")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-p", ""], "the prompt is empty"),
        ([], "give --prompt or --prompts"),
        (["-p", "a", "--prompts", "b"], "give one of them"),
        (["--prompts", "missing.txt"], "missing.txt: cannot be read"),
        (["-p", "a", "--image", "a.png"], "takes no image"),
        (["-p", "a", "--guidance", "strong"], "--guidance strong: guidance 'strong': should be none, a number"),
        (["-p", "a", "--steps", "0"], "--steps 0: Input should be greater than or equal to 1"),
        (["-p", "a", "--sigma-max", "0.001"], "sigma_min (0.002) is above sigma_max (0.001)"),
        (["-p", "a", "--size", "48"], "--size 48: should be width and height"),
        (["-p", "a", "--size", "50x32"], "48x32 is nearest"),
        (["-p", "a", "--motion", "8"], "0 to 7"),
        (["-p", "a", "--motion", "1", "--motion-score", "1"], "give one of them"),
        (["-p", "a", "--tell", "aesthetic_score=6"], "was told no such value"),
        (["-p", "a", "--tell", "aesthetic_score"], "should be a name and numbers"),
        (["-p", "a", "--ema", "best"], "has 0.050, 0.100, raw"),
        (["-p", "a", "--device", "cuda:7"], "--device cuda:7: PyTorch finds"),
        (["-p", "a", "--format", "gif"], "is no gif"),
        (["-p", "a", "--overwrite", "--skip-existing"], "give one of them"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_mistakes_are_one_line(
    from_text: TinyTrained, tmp_path: Path, curation_here: Call, words: list[str], message: str
) -> None:
    done = curation_here("sample", from_text.output, "-o", tmp_path / "a.mp4", *words)
    assert done.returncode == 2
    assert message in done.stderr
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here")
def test_a_cpu_that_was_not_asked_for_is_said(from_text: TinyTrained, tmp_path: Path, curation_here: Call) -> None:
    words = [word for word in QUICK if word not in ("--device", "cpu")]
    done = curation_here("sample", from_text.output, "-p", "a", "-o", tmp_path / "a.mp4", *words)
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    assert done.stderr.startswith("warning: no GPU here: sampling on the CPU")


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here")
def test_a_gpu_where_there_is_none_is_told(from_text: TinyTrained, tmp_path: Path, curation_here: Call) -> None:
    done = curation_here("sample", from_text.output, "-p", "a", "-o", tmp_path / "a.mp4", "--device", "cuda")
    assert done.returncode == 2
    assert "--device cuda: PyTorch finds no GPU here" in done.stderr


def test_a_bad_checkpoint_or_picture_is_told(
    from_image: TinyTrained, tmp_path: Path, picture: Path, curation_here: Call
) -> None:
    (tmp_path / "text.png").write_text("no picture")
    for words, message in (
        ((tmp_path / "missing", "-p", "a"), "there is no such file or folder"),
        ((tmp_path, "-p", "a"), "is no checkpoint"),
        ((picture, "-p", "a"), "is no weights file"),
        ((from_image.output, "--image", tmp_path / "text.png"), "text.png: is no picture"),
        ((from_image.output, "--image", tmp_path / "missing.png"), "missing.png: No such file"),
        ((from_image.output, "-p", "a", "--image", picture), "leave the prompt away"),
    ):
        done = curation_here("sample", *words, "-o", tmp_path / "a.mp4")
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert message in done.stderr
