"""What a person sees of `curation train`: a bar with the loss, and a line for each checkpoint."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from models.diffusion.train.state import TrainState
from models.diffusion.train.watcher import Watcher

LINE_EVERY_S = 30.0


class TrainScreen(Watcher):
    """A live bar on a terminal; a line every half minute elsewhere; nothing when ``quiet``."""

    def __init__(self, *, quiet: bool) -> None:
        self.console = Console(stderr=True, quiet=quiet, highlight=False)
        self.live = self.console.is_terminal and not quiet
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
        )
        self.bar = Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=self.console)
        self.task = self.bar.add_task("steps", total=None, note="")
        self.note = ""
        self.steps = 0
        self.last_line = time.monotonic()

    def __enter__(self) -> TrainScreen:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def working(self, what: str) -> None:
        self.console.print(f"[dim]{what} …[/dim]")

    def started(self, state: TrainState, steps: int, about: Mapping[str, str]) -> None:
        for name, fact in about.items():
            self.console.print(f"{name:<8} {fact}", markup=False, soft_wrap=True)
        self.steps = steps
        self.bar.reset(self.task, total=steps, completed=state.steps)
        if self.live:
            self.bar.start()

    def stepped(self, state: TrainState) -> None:
        self.bar.update(self.task, completed=state.steps, note=self.note)
        if not self.live and time.monotonic() - self.last_line > LINE_EVERY_S:
            self.last_line = time.monotonic()
            self.console.print(f"step {state.steps}/{self.steps}, {self.note}", markup=False)

    def logged(self, record: Mapping[str, Any]) -> None:
        if record["event"] == "train":
            mfu = "" if record["mfu"] is None else f", MFU {record['mfu']:.0%}"
            self.note = (
                f"loss {record['loss']:.4f}, {record['samples_per_s']:.3g} samples/s{mfu}, "
                f"waits for data {record['data_wait']:.0%}"
            )
        elif "held_out_loss" in record:
            losses = ", ".join(f"σ {sigma} {loss:.4f}" for sigma, loss in record["held_out_loss"].items())
            self.console.print(f"step {record['steps']}: held-out loss at {losses}", markup=False, soft_wrap=True)

    def saved(self, path: Path) -> None:
        self.console.print(f"saved {path}", markup=False, soft_wrap=True)

    def warned(self, message: str) -> None:
        self.console.print(f"warning: {message}", markup=False, soft_wrap=True)
