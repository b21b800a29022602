"""examples/first_model.sh: from videos to a video of one's own model, word by word, with fewer steps."""

from __future__ import annotations

import runpy
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from models.diffusion.train.folder import whole_checkpoints

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "examples" / "first_model.sh"
STEPS = 3


def commands(folder: Path) -> list[list[str]]:
    """The commands of the script with its variables filled in."""
    values = {"folder": str(folder), "videos": "6", "steps": str(STEPS)}
    lines = SCRIPT.read_text().splitlines()
    found = [shlex.split(line) for line in lines if line.startswith(("python ", "curation "))]
    filled = []
    for words in found:
        for name, value in values.items():
            words = [word.replace(f"${name}", value) for word in words]
        assert not any("$" in word for word in words)
        filled.append(words)
    return filled


def test_from_videos_to_a_video(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, curation_here: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    subprocess.run(["bash", "-n", SCRIPT], check=True)
    monkeypatch.chdir(ROOT)
    done = []
    for program, *arguments in commands(tmp_path):
        if program == "python":
            monkeypatch.setattr(sys, "argv", arguments)
            runpy.run_path(arguments[0], run_name="__main__")
            continue
        ended = curation_here(*arguments)
        assert ended.returncode == 0, ended.stderr
        done.append(arguments[0])
    assert done == ["run", "filter", "pack", "train", "sample"]
    assert [one.steps for one in whole_checkpoints(tmp_path / "model")] == [STEPS]
    with av.open(str(tmp_path / "red_circle.mp4")) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(pictures) == 8
    assert pictures[0].shape == (32, 48, 3)
    assert (tmp_path / "red_circle.json").exists()
