"""Showing what a training on other machines writes into its log."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType

from models.diffusion.train.log import read_log
from models.diffusion.train.state import TrainState
from models.diffusion.train.watcher import Watcher

EVERY_S = 2.0


class LogTail:
    """Tells a watcher of each new line of OUTPUT/log.jsonl while the body runs."""

    def __init__(self, output: Path, steps: int, watcher: Watcher) -> None:
        self.output, self.steps, self.watcher = output, steps, watcher
        self.seen = len(read_log(output))
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> LogTail:
        self.watcher.started(TrainState(), self.steps, {})
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ended.set()
        self.thread.join()
        self._tell()

    def _look(self) -> None:
        while not self.ended.wait(EVERY_S):
            self._tell()

    def _tell(self) -> None:
        lines = read_log(self.output)
        # A training that goes on from a checkpoint takes lines back.
        self.seen = min(self.seen, len(lines))
        for line in lines[self.seen :]:
            self.watcher.logged(line)
            self.watcher.stepped(TrainState(line["samples"], line["steps"]))
        self.seen = len(lines)
