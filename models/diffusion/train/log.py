"""The log of a training: one JSON object per line, and the same numbers for TensorBoard."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from models.diffusion.train.settings import LogSettings
from models.diffusion.train.state import TrainState

LOG, TENSORBOARD = "log.jsonl", "tensorboard"


class Log:
    """Lines of log.jsonl have ``event``, ``steps``, ``samples``, ``time`` (seconds since 1970) and what is told.

    A training that goes on from a checkpoint takes back the lines written after it: each step stands once.
    """

    def __init__(self, output: Path, settings: LogSettings, state: TrainState) -> None:
        self.path = output / LOG
        _forget_after(self.path, state.steps)
        self.board: Any = None
        if settings.tensorboard and find_spec("tensorboard") is not None:
            from torch.utils.tensorboard import SummaryWriter

            self.board = SummaryWriter(str(output / TENSORBOARD), purge_step=state.steps + 1)

    def write(self, event: str, state: TrainState, told: Mapping[str, Any]) -> dict[str, Any]:
        """Write one line; returns it."""
        record = {"event": event, **state.to_dict(), **told, "time": round(time.time(), 3)}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        if self.board is not None:
            for name, value in _numbers(event, told):
                self.board.add_scalar(name, value, state.steps)
            self.board.flush()
        return record

    def close(self) -> None:
        """Nothing more will be written."""
        if self.board is not None:
            self.board.close()


def read_log(output: Path) -> list[dict[str, Any]]:
    """The whole lines of a training's log: a machine that loses power may leave others."""
    path = output / LOG
    if not path.exists():
        return []
    found = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True):
        with suppress(ValueError):
            record = json.loads(line)
            if line.endswith("\n") and isinstance(record, dict) and "steps" in record:
                found.append(record)
    return found


def _forget_after(path: Path, steps: int) -> None:
    kept = [record for record in read_log(path.parent) if record["steps"] <= steps]
    aside = path.with_name(f".{path.name}")
    aside.write_text("".join(json.dumps(record) + "\n" for record in kept), encoding="utf-8")
    os.replace(aside, path)


def _numbers(prefix: str, told: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name, value in told.items():
        if isinstance(value, Mapping):
            yield from _numbers(f"{prefix}/{name}", value)
        elif isinstance(value, int | float):
            yield f"{prefix}/{name}", value
