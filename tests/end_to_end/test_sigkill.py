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
EARLIEST_S = 0.5
# Of a run on Ray, and of one in one process.
LATEST_S = {True: 9.0, False: 3.0}


@pytest.mark.timeout(600)
def test_ten_kills_then_the_same_dataset(uninterrupted: Uninterrupted, tmp_path: Path) -> None:
    program = str(Path(sys.executable).parent / "curation")
    moments, environment = random.Random(20), marked()
    dataset, killed, finished, sooner = tmp_path / "dataset", 0, 0, 1.0
    while killed < KILLS:
        on_ray = killed % 3 == 0
        command = [program, "run", *map(str, uninterrupted.inputs), "-o", str(dataset), *QUICK, "--quiet"]
        run = subprocess.Popen(
            command if on_ray else [*command, "--in-process"], stderr=subprocess.DEVNULL, env=environment
        )
        try:
            run.wait(moments.uniform(EARLIEST_S, max(EARLIEST_S, LATEST_S[on_ray] * sooner)))
        except subprocess.TimeoutExpired:
            run.send_signal(signal.SIGKILL)
            run.wait()
            killed += 1
        else:  # on a fast machine: nothing is left to kill, so it is begun anew, and killed sooner
            assert run.returncode == 0
            assert contents(str(dataset)) == contents(str(uninterrupted.dataset))
            finished += 1
            dataset, sooner = tmp_path / f"dataset-{finished}", 0.7 * sooner
    done = curation("run", *uninterrupted.inputs, "-o", dataset, *QUICK)
    assert done.returncode == 0, done.stderr
    assert contents(str(dataset)) == contents(str(uninterrupted.dataset))
    wait_for_end(environment)
