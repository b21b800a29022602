"""Being asked to stop: by SIGTERM or Ctrl-C, or, where the process that is asked is another one, by a file."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

STOP_FILE = "stop"


class StopRequest:
    """Whether the training should save and end."""

    def __init__(self, output: Path) -> None:
        self.file = output / STOP_FILE
        self.signalled = False

    def is_made(self) -> bool:
        """Asked on each step."""
        return self.signalled or self.file.exists()

    def make(self) -> None:
        """Ask all processes of the training, on whatever machine."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.touch()

    def forget(self) -> None:
        """Take back what an earlier training was asked; before a new one begins."""
        self.file.unlink(missing_ok=True)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """SIGTERM and SIGINT ask to stop, instead of ending the process; a second Ctrl-C ends it. Outside the main
        thread they do as before."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before: dict[signal.Signals, Any] = {}
        for number in (signal.SIGTERM, signal.SIGINT):
            before[number] = signal.signal(number, self._heard)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if self.signalled and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signalled = True
