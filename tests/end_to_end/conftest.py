"""The command line as a user calls it, and one uninterrupted run that others are compared with."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

from tests.material.inputs import write_sample
from tests.material.sets import HEVC

QUICK = ("--config", str(Path(__file__).with_name("pipelines.yaml")), "--pipeline", "quick")


def curation(
    *arguments: str | Path, env: Mapping[str, str] | None = None, timeout: float = 400, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Call the console script that is installed beside this Python."""
    program = Path(sys.executable).parent / "curation"
    return subprocess.run(
        [str(program), *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, **(env or {}), "COLUMNS": "200"},
        timeout=timeout,
        cwd=cwd,
        check=False,
    )


@contextmanager
def once_for_all(name: str, factory: pytest.TempPathFactory) -> Iterator[tuple[Path, bool]]:
    """A folder that all test processes share, and whether it is to be filled: only the first one does."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    folder.mkdir(exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        done = folder / "done"
        yield folder, not done.exists()
        done.touch()


@pytest.fixture(scope="session")
def trailer_dataset(trailer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`quickstart` on the sample video, as the README runs it: once for all test processes. Do not write to it."""
    with once_for_all("trailer", tmp_path_factory) as (folder, to_be_filled):
        if to_be_filled:
            ran = curation("run", trailer, "-o", folder / "dataset", timeout=280)
            assert ran.returncode == 0, ran.stderr
            assert "Look at" in ran.stdout
    return folder / "dataset"


@dataclass(frozen=True)
class Uninterrupted:
    """A finished run: its inputs, what it wrote, what it printed."""

    inputs: Sequence[Path]
    dataset: Path
    printed: str


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, bikes: Path) -> Uninterrupted:
    """The pipeline `quick` over three short videos: once for all test processes. Do not write to it."""
    with once_for_all("uninterrupted", tmp_path_factory) as (folder, to_be_filled):
        videos, printed = folder / "videos", folder / "printed.txt"
        if to_be_filled:
            videos.mkdir()
            shutil.copy(bikes, videos / "bikes.mp4")
            write_sample(videos / "h264.mp4")
            write_sample(videos / "hevc.mp4", HEVC)
            ran = curation("run", videos, "-o", folder / "dataset", *QUICK)
            assert ran.returncode == 0, ran.stderr
            printed.write_text(ran.stdout)
    return Uninterrupted((videos,), folder / "dataset", printed.read_text())
