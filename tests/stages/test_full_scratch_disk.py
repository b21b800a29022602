"""What the stages that write to the scratch folder say when it is full: no video is to blame."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.material.inputs import write_sample
from tests.material.recipes import Encoding
from tests.material.sets import H264_LONG, H264_MKV
from tests.scratch_disk import on_small_disk

ADVICE = "; free some there, or set TMPDIR to a folder on a larger disk, and give the same command again"

SPLIT = """
import sys, tempfile
from pathlib import Path
from curation.errors import DiskFullError
from curation.video.types import SourceVideo
from stages.clipping import Clipping
from stages.cut_detection import CutDetection
path, detect_on, mode = sys.argv[1:]
scratch = Path(tempfile.mkdtemp())
video = SourceVideo("id", path, Path(path), Path(detect_on) if detect_on else scratch)
try:
    CutDetection(CutDetection.Config()).split(video)
    video.workdir = scratch
    clips = list(Clipping(Clipping.Config(mode=mode, min_seconds=1)).split(video))
    print(len(clips), "clips", video.notes)
except DiskFullError as error:
    print("disk full:", error)
"""


def split(video: Path, folder: Path, kilobytes: int, mode: str, *, detect: bool) -> str:
    small, large = folder / "small", folder / "large"
    large.mkdir()
    done = on_small_disk([sys.executable, "-c", SPLIT, video, "" if detect else large, mode], small, kilobytes)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("mode", ["copy", "smart", "exact"])
def test_clips_that_do_not_fit(mode: str, bikes: Path, tmp_path: Path) -> None:
    said = split(bikes, tmp_path, 16, mode, detect=False)
    assert said == f"disk full: no space left in the scratch folder {tmp_path / 'small'}" + ADVICE


@pytest.mark.parametrize("encoding", [H264_LONG, H264_MKV], ids=lambda encoding: encoding.name)
def test_sound_that_does_not_fit_is_not_left_out(encoding: Encoding, tmp_path: Path) -> None:
    video = write_sample(tmp_path / f"sample{encoding.suffix}", encoding)
    for kilobytes in (4, 8, 16):
        folder = tmp_path / str(kilobytes)
        folder.mkdir()
        assert split(video, folder, kilobytes, "exact", detect=False).startswith("disk full: ")


def test_thumbnails_that_do_not_fit(bikes: Path, tmp_path: Path) -> None:
    said = split(bikes, tmp_path, 256, "copy", detect=True)
    assert said == f"disk full: no space left in the scratch folder {tmp_path / 'small'}" + ADVICE


def test_a_disk_that_is_large_enough(bikes: Path, tmp_path: Path) -> None:
    assert split(bikes, tmp_path, 8192, "exact", detect=True).startswith("5 clips")


FETCH = """
import sys, tempfile
from pathlib import Path
import fsspec
from curation.errors import DiskFullError
from curation.sources.fetch import fetch
fsspec.filesystem("memory").pipe_file("/video.mp4", bytes(2_000_000))
try:
    print(fetch("memory://video.mp4", Path(tempfile.mkdtemp())))
except DiskFullError as error:
    print("disk full:", error)
"""


def test_a_download_that_does_not_fit(tmp_path: Path) -> None:
    done = on_small_disk([sys.executable, "-c", FETCH], tmp_path / "small", 1024)
    assert done.stdout.strip() == f"disk full: no space left in the scratch folder {tmp_path / 'small'}" + ADVICE
