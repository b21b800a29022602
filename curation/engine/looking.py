"""Telling a watcher, while work goes on, what the ledger says."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from curation.engine.ledger import Ledger
from curation.engine.watcher import Watcher

LOOK_EVERY_S = 0.5


@contextmanager
def looking(ledger: Ledger, watcher: Watcher, gone: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """From a thread, twice a second; ``gone``: what the ledger raises once nobody can ask it any more."""
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(LOOK_EVERY_S):
            try:
                watcher.progressed(*ledger.look())
            except gone:
                return

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
