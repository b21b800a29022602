"""CPU seconds and peak memory of a command.

    python -m benchmarks.measure COMMAND…

Peak memory of a child begins with that of the process that forked it, so a small process without any import of
consequence stands between: this file, run as a script.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

BYTES_PER_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Usage:
    """What a command used. ``cpu_s``: user and system time, with that of its children that it waited for.
    ``peak_bytes``: the most memory (resident set) that it or one of these children held. ``output``: its stdout."""

    cpu_s: float
    wall_s: float
    peak_bytes: int
    output: str


def run(command: Sequence[str], env: Mapping[str, str] | None = None) -> Usage:
    """Run a command to its end, without a shell; its stderr is passed on.

    Raises:
        subprocess.CalledProcessError: its exit status is not 0.
    """
    reader, writer = os.pipe()
    go_between = [sys.executable, "-I", "-S", os.path.abspath(__file__), str(writer), *command]
    with os.fdopen(reader) as report:
        done = subprocess.Popen(go_between, stdout=subprocess.PIPE, text=True, pass_fds=[writer], env=env)
        os.close(writer)
        output, _ = done.communicate()
        facts = report.read()
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, list(command), output)
    return Usage(**json.loads(facts), output=output)


def _measure(writer: int, command: Sequence[str]) -> int:
    import resource
    import time

    started = time.monotonic()
    status = os.waitpid(os.posix_spawnp(command[0], command, os.environ), 0)[1]
    wall_s = time.monotonic() - started
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    facts = {
        "cpu_s": used.ru_utime + used.ru_stime,
        "wall_s": wall_s,
        "peak_bytes": used.ru_maxrss * BYTES_PER_RSS_UNIT,
    }
    with os.fdopen(writer, "w") as report:
        json.dump(facts, report)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1].isdigit():
        code = _measure(int(sys.argv[1]), sys.argv[2:])
        sys.exit(code if code >= 0 else 128 - code)
    usage = run(sys.argv[1:])
    print(usage.output, end="")
    print(f"{usage.cpu_s:.2f} CPU s, {usage.wall_s:.2f} s, peak {usage.peak_bytes / 2**20:.0f} MiB")
