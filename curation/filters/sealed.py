"""SQL of a user's, asked of a DuckDB in a process of its own: the time and the memory that it may use are bounded."""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from curation.dataset.duck import first_line
from curation.errors import UserError

# Of the memory that there is, what an expression may use.
SHARE_OF_MEMORY = 0.5
# The exit status of the process, as it stands in _PROGRAM.
OUT_OF_MEMORY = 77
_OF_CONTAINER = Path("/sys/fs/cgroup/memory.max")
_PROGRAM = Path(__file__).with_name("sealed_process.py")


@dataclass(frozen=True)
class Answer:
    """``types``: of the columns, as DuckDB calls them."""

    rows: pa.Table
    types: tuple[str, ...]


class Sealed:
    """A database that reaches no file, no network and no setting, with one table: ``clips``.

    Its process starts with the first question, and anew where one had to be ended. May be used by several threads.
    """

    def __init__(self, memory_bytes: int) -> None:
        self._memory_bytes = memory_bytes
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def ask(self, query: str, clips: pa.Table, seconds: float) -> Answer:
        """The rows that a query gives.

        Raises:
            UserError: it takes longer, or needs more memory, than is allowed; it is wrong (DuckDB's message).
        """
        with self._lock:
            process = self._process = self._process or self._start()
            try:
                told, rows = _exchange(process, {"query": query, "seconds": seconds}, clips)
            except (OSError, ValueError, pa.ArrowException) as error:
                self._end()
                raise UserError(self._why_it_ended(process.returncode, seconds)) from error
            except BaseException:
                self._end()
                raise
        if rows is not None:
            return Answer(rows, tuple(told["types"]))
        raise UserError(self._too_large() if told.get("out_of_memory") else first_line(told["error"]))

    def close(self) -> None:
        """End the process."""
        with self._lock:
            if self._process is not None:
                self._end()

    def _start(self) -> subprocess.Popen[bytes]:
        program = [sys.executable, "-P", str(_PROGRAM), str(self._memory_bytes)]
        return subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def _end(self) -> None:
        process, self._process = self._process, None
        assert process is not None
        process.kill()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            with suppress(OSError):  # what could not be sent any more
                pipe.close()
        process.wait()

    def _why_it_ended(self, status: int, seconds: float) -> str:
        if status == -signal.SIGALRM:
            return f"takes longer than {seconds:g} s; make it simpler, or allow more with timeout_s beside sql"
        if status < 0 or status == OUT_OF_MEMORY:
            return self._too_large()
        return f"cannot be judged: {_PROGRAM} ended with status {status}"

    def _too_large(self) -> str:
        return f"needs more than {self._memory_bytes / 2**30:.1f} GiB of memory; make it simpler"


@cache
def sealed() -> Sealed:
    """The one that all of this process share."""
    of_machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    of_container = _OF_CONTAINER.read_text().strip() if _OF_CONTAINER.is_file() else ""
    memory = min(of_machine, int(of_container)) if of_container.isdecimal() else of_machine
    shared = Sealed(int(memory * SHARE_OF_MEMORY))
    atexit.register(shared.close)
    return shared


def _exchange(
    process: subprocess.Popen[bytes], question: dict[str, Any], clips: pa.Table
) -> tuple[dict[str, Any], pa.Table | None]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(question).encode() + b"\n")
    with pa.ipc.new_stream(process.stdin, clips.schema) as stream:
        stream.write_table(clips)
    process.stdin.flush()
    told = json.loads(process.stdout.readline())
    return told, pa.ipc.open_stream(process.stdout).read_all() if "types" in told else None
