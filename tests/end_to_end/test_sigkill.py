"""A run that is killed with SIGKILL at random moments and started again ends with the same dataset.

Runs on Ray and runs in one process take turns: the second kind begins at once, and is killed at its work more often.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.compare import contents
from tests.end_to_end.conftest import QUICK, Uninterrupted, curation
from tests.end_to_end.processes import marked, wait_for_end

KILLS = 10
EARLIEST_S, LATEST_S = 1.0, 11.0
LATEST_IN_PROCESS_S = 3.0


@pytest.mark.timeout(600)
def test_ten_kills_then_the_same_dataset(uninterrupted: Uninterrupted, tmp_path: Path) -> None:
    dataset = tmp_path / "dataset"
    program = str(Path(sys.executable).parent / "curation")
    command = [program, "run", *map(str, uninterrupted.inputs), "-o", str(dataset), *QUICK, "--quiet"]
    moments, environment = random.Random(20), marked()
    killed = 0
    for number in range(KILLS):
        on_ray = number % 3 == 0
        executor = [] if on_ray else ["--in-process"]
        run = subprocess.Popen([*command, *executor], stderr=subprocess.DEVNULL, env=environment)
        try:
            run.wait(moments.uniform(EARLIEST_S, LATEST_S if on_ray else LATEST_IN_PROCESS_S))
        except subprocess.TimeoutExpired:
            run.send_signal(signal.SIGKILL)
            run.wait()
            killed += 1
    assert killed >= KILLS // 2, "the runs ended before they could be killed"
    done = curation("run", *uninterrupted.inputs, "-o", dataset, *QUICK)
    assert done.returncode == 0, done.stderr
    assert contents(str(dataset)) == contents(str(uninterrupted.dataset))
    wait_for_end(environment)
