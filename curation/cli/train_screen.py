"""What a person sees of `curation train`: a bar with the loss, and a line for each checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from curation.cli.live_bar import LiveBar
from models.diffusion.train.state import TrainState
from models.diffusion.train.watcher import Watcher


class TrainScreen(Watcher):
    """A live bar on a terminal; a line every half minute elsewhere; nothing when ``quiet``."""

    def __init__(self, *, quiet: bool) -> None:
        self.bar = LiveBar("steps", quiet=quiet)
        self.note = ""
        self.steps = 0

    def __enter__(self) -> TrainScreen:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.__exit__(kind, error, trace)

    def working(self, what: str) -> None:
        self.bar.working(what)

    def started(self, state: TrainState, steps: int, about: Mapping[str, str]) -> None:
        for name, fact in about.items():
            self.bar.say(f"{name:<8} {fact}")
        self.steps = steps
        self.bar.start(steps, state.steps)

    def stepped(self, state: TrainState) -> None:
        line = ", ".join(part for part in (f"step {state.steps}/{self.steps}", self.note) if part)
        self.bar.update(state.steps, line, note=self.note)

    def logged(self, record: Mapping[str, Any]) -> None:
        if record["event"] == "train":
            mfu = "" if record["mfu"] is None else f", MFU {record['mfu']:.0%}"
            self.note = (
                f"loss {record['loss']:.4f}, {record['samples_per_s']:.3g} samples/s{mfu}, "
                f"waits for data {record['data_wait']:.0%}"
            )
        elif "held_out_loss" in record:
            losses = ", ".join(f"σ {sigma} {loss:.4f}" for sigma, loss in record["held_out_loss"].items())
            self.bar.say(f"step {record['steps']}: held-out loss at {losses}")

    def saved(self, path: Path) -> None:
        self.bar.say(f"saved {path}")

    def warned(self, message: str) -> None:
        self.bar.warned(message)
