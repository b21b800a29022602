"""A run whose scratch folder is full stops with one line; given space, the same command finishes it."""

from __future__ import annotations

import sys
from pathlib import Path

import curation as package
from tests.end_to_end.conftest import QUICK, curation
from tests.scratch_disk import on_small_disk

PROGRAM = Path(sys.executable).parent / "curation"


def test_the_run_stops_and_the_same_command_goes_on(bikes: Path, tmp_path: Path) -> None:
    dataset, scratch = tmp_path / "dataset", tmp_path / "scratch"
    command = ["run", bikes, "-o", dataset, *QUICK, "--in-process"]
    done = on_small_disk([PROGRAM, *command], scratch, 400)
    assert done.returncode == 2
    assert [line for line in done.stderr.splitlines() if "error" in line.lower()] == [
        f"error: no space left in the scratch folder {scratch}; free some there, or set TMPDIR to a folder on a larger"
        " disk, and give the same command again"
    ]
    assert package.Dataset(str(dataset)).videos().num_rows == 0
    assert curation(*command).returncode == 0
    assert package.Dataset(str(dataset)).videos()["status"].to_pylist() == ["ok"]
