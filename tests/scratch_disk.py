"""A scratch folder on a disk that is really full: a small tmpfs in a mount namespace of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest


def on_small_disk(
    command: Sequence[str | Path], folder: Path, kilobytes: int, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``command`` with TMPDIR on a tmpfs of this size at ``folder``; skips the test where that is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = 'mount -t tmpfs -o size="$0" tmpfs "$1"'
    namespace = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    try:
        allowed = subprocess.run([*namespace, mount, f"{kilobytes}k", str(folder)], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("no unshare here to mount a small disk with")
    if allowed.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {allowed.stderr.decode().strip()}")
    return subprocess.run(
        [*namespace, f'{mount} && shift && exec "$@"', f"{kilobytes}k", str(folder), *map(str, command)],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
        env={**os.environ, **(env or {}), "TMPDIR": str(folder), "COLUMNS": "200"},
    )
