"""How far a training is, counted in samples: batch size and number of processes may change, samples stay samples."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass
class TrainState:
    """``samples``: seen by all ranks so far; ``steps``: of the optimizer."""

    samples: int = 0
    steps: int = 0

    def advance(self, samples: int) -> None:
        """One step of ``samples`` samples is done."""
        self.samples += samples
        self.steps += 1

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)
