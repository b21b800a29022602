"""Where a job's work is done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

from curation.dataset.clip_columns import ColumnSource
from curation.dataset.storage import Storage
from curation.engine.ledger import Progress
from curation.engine.pipeline import Stages
from curation.engine.remaining import Remaining
from curation.engine.resources import Pool
from curation.engine.spec import StageSpec
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

    def pools(self, stages: Stages, capacity: Capacity) -> list[Pool]:
        """How work on videos and clips is shared out. Raises `UserError`: there is less than the stages ask for."""

    def dataset_pool(self, spec: StageSpec, capacity: Capacity) -> Pool:
        """What a stage over the whole dataset gets. Raises `UserError` as `pools` does."""

    def identify(self, sources: Sequence[str]) -> Iterable[dict[str, Any]]:
        """Rows of `curation.engine.identify.identify` for sources that take long to read."""

    def execute(
        self, storage: Storage, stages: Stages, pools: Sequence[Pool], work: Remaining, watcher: Watcher
    ) -> Progress:
        """Do the work on videos and clips, folding the journal from time to time.

        Raises:
            UserError: a stage cannot start, or no space is left.
        """

    def annotate_dataset(
        self,
        storage: Storage,
        spec: StageSpec,
        sources: Mapping[str, ColumnSource],
        inputs: str,
        watcher: Watcher,
        progress: Progress,
    ) -> Progress:
        """Make the table of a stage over the whole dataset (`curation.engine.dataset_worker.annotate_dataset`).
        ``progress``: what this run has done before. A stage that fails leaves a table of errors.

        Raises:
            UserError: the stage cannot start, or no space is left.
        """
