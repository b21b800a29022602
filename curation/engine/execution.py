"""Running work on Ray while a thread watches, and folding the journal from time to time."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from curation.dataset import journal
from curation.dataset.storage import Storage
from curation.engine.ledger import Ledger, Progress
from curation.engine.pipeline import Stages, stream
from curation.engine.remaining import Remaining
from curation.engine.resources import Pool
from curation.engine.watcher import Watcher
from curation.errors import UserError

LOOK_EVERY_S = 0.5
FOLD_EVERY_S = 120.0
RAISED = re.compile(r"[\w.]+(Error|Exception|Interrupt|Exit)\b")


def execute(storage: Storage, stages: Stages, work: Remaining, pools: Sequence[Pool], watcher: Watcher) -> Progress:
    """Do the work on videos and clips; a Ray session must be running.

    Raises:
        UserError: a stage cannot start, or no space is left.
    """
    import ray

    with watched_ledger(watcher) as ledger:
        folded = time.monotonic()
        stopped_by = ""
        try:
            for _ in stream([*work.videos, *work.clips], stages, pools, storage.location, ledger):
                if time.monotonic() - folded > FOLD_EVERY_S:
                    journal.fold(storage)
                    folded = time.monotonic()
        except ray.exceptions.RayError as error:
            stopped_by = cause(error)
    # Not raised in the handler: an error that held the pipeline's frames would keep its actors and their CPUs.
    return last_look(ledger, watcher, stopped_by)


@contextmanager
def watched_ledger(watcher: Watcher, progress: Progress | None = None) -> Iterator[Any]:
    """A `Ledger` for workers, from which a thread tells ``watcher``. ``progress``: what this run has done before."""
    import ray

    ledger: Any = ray.remote(Ledger).options(num_cpus=0, enable_task_events=False).remote(progress)
    stop = threading.Event()
    looking = threading.Thread(target=_look, args=(ledger, watcher, stop), daemon=True)
    looking.start()
    try:
        yield ledger
    finally:
        stop.set()
        looking.join()


def last_look(ledger: Any, watcher: Watcher, stopped_by: str = "") -> Progress:
    """What was done in the end.

    Raises:
        UserError: it was ``stopped_by`` an error.
    """
    import ray

    progress: Progress
    progress, events = ray.get(ledger.look.remote())
    if stopped_by:
        raise UserError(progress.fatal or f"the pipeline stopped: {stopped_by}; see it whole with --verbose")
    watcher.progressed(progress, events)
    return progress


def _look(ledger: Any, watcher: Watcher, stop: threading.Event) -> None:
    import ray

    while not stop.wait(LOOK_EVERY_S):
        try:
            watcher.progressed(*ray.get(ledger.look.remote()))
        except ray.exceptions.RayError:
            return


def cause(error: BaseException) -> str:
    """The exception that a worker raised, in one line: Ray wraps it in traces and advice."""
    cause = getattr(error, "cause", None)
    if cause is not None:
        return " ".join(f"{type(cause).__name__}: {cause}".split())
    lines = [line.strip() for line in str(error).splitlines()]
    raised = [line for line in lines if RAISED.match(line)]
    return raised[-1] if raised else next(filter(None, lines), type(error).__name__)
