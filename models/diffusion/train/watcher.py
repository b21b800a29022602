"""What a training tells whoever watches it; only the main rank tells."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.diffusion.train.state import TrainState


class Watcher:
    """Override what is to be seen; this one looks away."""

    def working(self, what: str) -> None:
        """Something that takes a while begins."""

    def started(self, state: TrainState, steps: int, about: Mapping[str, str]) -> None:
        """The first step is about to be taken. ``steps``: of the whole training; ``about``: facts, by name."""

    def stepped(self, state: TrainState) -> None:
        """A step is done."""

    def logged(self, record: Mapping[str, Any]) -> None:
        """A line of the log was written."""

    def saved(self, path: Path) -> None:
        """A checkpoint is whole."""

    def warned(self, message: str) -> None:
        """Something is not as one would expect, and the training goes on."""
