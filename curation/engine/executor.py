"""Where a job's work is done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

from curation.dataset.storage import Storage
from curation.engine.ledger import Progress
from curation.engine.pipeline import Stages
from curation.engine.remaining import Remaining
from curation.engine.watcher import Watcher

FOLD_EVERY_S = 120.0


class Capacity(NamedTuple):
    """What there is to share out."""

    cpus: float
    gpus: float


class Executor(Protocol):
    """Does the work of a job; `session` must be entered around the rest."""

    starting: str
    """What the user is told before a session; nothing where that takes no time."""

    def session(self) -> AbstractContextManager[Capacity]:
        """Ready for work. Raises `UserError` where that cannot be."""

    def identify(self, sources: Sequence[str]) -> Iterable[dict[str, Any]]:
        """Rows of `curation.engine.identify.identify` for sources that take long to read."""

    def execute(
        self, storage: Storage, stages: Stages, work: Remaining, capacity: Capacity, watcher: Watcher
    ) -> Progress:
        """Do the work, folding the journal from time to time.

        Raises:
            UserError: there is less than the stages ask for, a stage cannot start, or no space is left.
        """
