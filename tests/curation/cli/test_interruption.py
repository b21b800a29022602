"""Ctrl-C, from the first import of the console script on."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from curation.interruption import STOPPED

PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"
INTERRUPTED_AT = """
import os, signal, sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
signal.signal(signal.SIGINT, {handler})
from {module} import {function}
sys.argv = ["curation", "stats", "dataset"]
{function}()
"""


def _interrupted_at(name: str, folder: Path, handler: str = "signal.default_int_handler") -> tuple[int, str]:
    script = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["scripts"]["curation"]
    module, _, function = script.partition(":")
    program = INTERRUPTED_AT.format(name=name, handler=handler, module=module, function=function)
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "name", ["curation.cli", "typer", "curation.cli.tune", "curation.filters"], ids=lambda name: f"while {name} loads"
)
def test_ctrl_c_is_one_line(name: str, tmp_path: Path) -> None:
    assert _interrupted_at(name, tmp_path) == (130, f"{STOPPED}\n")


def test_where_it_is_ignored_it_stays_so(tmp_path: Path) -> None:
    status, printed = _interrupted_at("typer", tmp_path, "signal.SIG_IGN")
    assert (status, printed.startswith("error: dataset: ")) == (2, True)
