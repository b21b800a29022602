"""`curation cache-latents` as a user calls it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.models.diffusion.data.packed import Clip, clips, write_shards

Call = Callable[..., subprocess.CompletedProcess[str]]
SMALL = ("--recipe", "tiny", "--set", "data.workers=0", "--device", "cpu")


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shards(tmp_path_factory.mktemp("shards") / "all", clips(3))


def test_written_once(shards: Path, curation_here: Call) -> None:
    done = curation_here("cache-latents", shards, *SMALL)
    assert done.returncode == 0, done.stderr
    (folder,) = (shards / "latents").iterdir()
    assert done.stdout.splitlines() == [f"{folder}: latents of 3 clips written"]
    assert {path.name for path in folder.iterdir()} == {
        "000000.safetensors",
        "empty.safetensors",
        "index.parquet",
        "latents.json",
    }
    again = curation_here("cache-latents", shards, *SMALL)
    assert again.stdout.splitlines() == [f"{folder}: all latents are there already"]
    other = curation_here("cache-latents", shards, *SMALL, "--set", "data.sizes=[[32, 32]]")
    assert other.returncode == 0
    assert len(list((shards / "latents").iterdir())) == 2


def test_broken_clips_are_told(tmp_path: Path, curation_here: Call) -> None:
    folder = write_shards(tmp_path / "all", [*clips(2), Clip("broken", media=b"no video")])
    done = curation_here("cache-latents", folder, *SMALL)
    assert done.returncode == 1
    assert "1 clip could not be read" in done.stdout


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (("--recipe", "tyny"), 'no recipe "tyny"; did you mean "tiny"?'),
        (("--set", "data.crop=random"), "latents cannot be cached with data.crop: random"),
        (("--set", "conditioning.frame={}"), "latents cannot be cached with conditioning.frame.augment: pixels"),
        (("--set", "data.sizes=[[30, 32]]"), "30 × 32 cannot be encoded: sides must be multiples of 4; see data.sizes"),
        (("--set", "autoencoder.model=/nowhere"), "/nowhere is not there; see autoencoder.model"),
    ],
)
def test_mistakes_are_one_line(shards: Path, curation_here: Call, changes: tuple[str, ...], told: str) -> None:
    done = curation_here("cache-latents", shards, *SMALL, *changes)
    assert done.returncode == 2
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1
    nowhere = curation_here("cache-latents", "/nowhere", *SMALL)
    assert nowhere.stderr == "error: /nowhere: no whole shards; write them with: curation pack\n"
