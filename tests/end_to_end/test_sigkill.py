"""A run that is killed with SIGKILL at random moments and started again ends with the same dataset."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.end_to_end.compare import contents
from tests.end_to_end.conftest import QUICK, Uninterrupted, curation

KILLS = 10
EARLIEST_S, LATEST_S = 1.0, 11.0


@pytest.mark.timeout(600)
def test_ten_kills_then_the_same_dataset(uninterrupted: Uninterrupted, tmp_path: Path) -> None:
    dataset = tmp_path / "dataset"
    program = str(Path(sys.executable).parent / "curation")
    command = [program, "run", *map(str, uninterrupted.inputs), "-o", str(dataset), *QUICK, "--quiet"]
    moments = random.Random(20)
    killed = 0
    for _ in range(KILLS):
        run = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            run.wait(moments.uniform(EARLIEST_S, LATEST_S))
        except subprocess.TimeoutExpired:
            run.send_signal(signal.SIGKILL)
            run.wait()
            killed += 1
    assert killed >= KILLS // 2, "the runs ended before they could be killed"
    done = curation("run", *uninterrupted.inputs, "-o", dataset, *QUICK)
    assert done.returncode == 0, done.stderr
    assert contents(str(dataset)) == contents(str(uninterrupted.dataset))
    _nobody_left(dataset)


def _nobody_left(dataset: Path) -> None:
    """Workers of killed runs end by themselves."""
    for _ in range(60):
        if not any(str(dataset) in command for command in _commands()):
            return
        time.sleep(0.5)
    raise AssertionError("processes of killed runs are still there")


def _commands() -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                found.append((entry / "cmdline").read_bytes().decode(errors="replace"))
            except OSError:
                continue
    return found
