"""Processes of runs that were killed: Ray's and its workers' are known by an environment variable that they inherit."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "CURATION_TEST_RUN"


def marked() -> Mapping[str, str]:
    """An environment that tells a run, and all processes that it starts, from others."""
    return {**os.environ, VARIABLE: uuid.uuid4().hex}


def wait_for_end(environment: Mapping[str, str], seconds: float = 60) -> None:
    """Until no worker of a marked run is left: those of a killed run end by themselves.

    Ray's two agents, which touch no data, take over a minute.
    """
    mark = f"{VARIABLE}={environment[VARIABLE]}".encode()
    deadline = time.monotonic() + seconds
    while any(mark in environ.split(b"\0") for environ in _environments()):
        assert time.monotonic() < deadline, "processes of killed runs are still there"
        time.sleep(0.2)


def _environments() -> list[bytes]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if b"Agent" not in (entry / "cmdline").read_bytes():
                    found.append((entry / "environ").read_bytes())
            except OSError:
                continue
    return found
