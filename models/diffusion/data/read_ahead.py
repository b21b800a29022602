"""Items of a dataset read ahead by worker processes, which may die."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Generator, Iterator
from typing import TypeVar

import torch
from torch.utils.data import DataLoader, Dataset
from torch.utils.data._utils import signal_handling

from models.diffusion.data.errors import DataError

_TRIES = 3
Item = TypeVar("Item")

log = logging.getLogger(__name__)


def read_ahead(
    dataset: Dataset[Item], numbers: range, workers: int, prefetch: int, *, pin_memory: bool = False
) -> Generator[Item]:
    """The items of these numbers, in their order, read by ``workers`` processes, each ``prefetch`` items ahead.

    Where a process dies, as one that used up the memory does, they are all started again at the item that is next: an
    item depends on its number alone.

    Raises:
        DataError: processes died `_TRIES` times at the same item.
    """
    done = deaths = 0
    while True:
        loader = DataLoader(
            dataset,
            batch_size=None,
            sampler=numbers[done:],
            num_workers=workers,
            prefetch_factor=prefetch if workers else None,
            pin_memory=pin_memory,
            worker_init_fn=_hear_the_trainer_only,
            generator=torch.Generator(),  # else it draws from the global one
        )
        try:
            for item in _started(loader):
                done, deaths = done + 1, 0
                yield item
            return
        except (RuntimeError, OSError, EOFError) as error:
            # The connection to a process breaks, or torch notices; what is raised in one is "Caught" there.
            if not workers or str(error).startswith("Caught "):
                raise
            deaths += 1
            reason = " ".join(str(error).split()) or type(error).__name__
            if deaths == _TRIES:
                raise DataError(
                    f"a process that reads ahead ended, {_TRIES} times at the same batch: {reason}; "
                    "lower data.workers or data.prefetch if memory was short"
                ) from error
            log.warning("a process that reads ahead ended: %s; started again", reason)


def _started(loader: DataLoader[Item]) -> Iterator[Item]:
    """Torch raises wherever this process is as a worker dies, in the middle of a step too; not so here, where it is
    noticed when an item is waited for."""
    before = signal.getsignal(signal.SIGCHLD)
    items = iter(loader)
    if threading.current_thread() is threading.main_thread() and before is not None:
        is_of_torch = getattr(before, "__module__", None) == signal_handling.__name__  # of another loader
        signal.signal(signal.SIGCHLD, signal.SIG_DFL if is_of_torch else before)
    return items


def _hear_the_trainer_only(worker: int) -> None:
    """For a worker as it begins: Ctrl-C is for the trainer, which saves, then ends its workers by SIGTERM."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
