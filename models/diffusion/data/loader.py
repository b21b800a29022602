"""Micro-batches read ahead by worker processes."""

from __future__ import annotations

import itertools
import logging
import signal
import threading
from collections.abc import Generator, Iterator

import torch
from torch.utils.data import DataLoader, Dataset

from models.diffusion.data.batch import Batch
from models.diffusion.data.buckets import Bucket
from models.diffusion.data.errors import DataError
from models.diffusion.data.order import Order
from models.diffusion.data.sample import SampleReader

# What torch says where a worker died.
_WORKER = "DataLoader worker"
_TRIES = 3

log = logging.getLogger(__name__)


class MicroBatches(Dataset[Batch | DataError]):
    """Batch m holds the samples m · batch_size … (m + 1) · batch_size − 1."""

    def __init__(self, order: Order, buckets: list[Bucket], reader: SampleReader, batch_size: int) -> None:
        self._order = order
        self._buckets = buckets
        self._reader = reader
        self._batch_size = batch_size

    def __getitem__(self, number: int) -> Batch | DataError:
        """The batch; an error is a value, as a worker's exception would arrive as a traceback."""
        start = number * self._batch_size
        bucket, places = self._order.samples(start, self._batch_size)
        samples, broken = [], []
        try:
            for offset, place in enumerate(places.tolist()):
                sample, failed = self._reader.read(self._buckets[bucket], place, start + offset)
                samples.append(sample)
                broken += failed
        except DataError as error:
            return error
        return self._reader.collate(samples, broken)


def read_ahead(batches: MicroBatches, first: int, step: int, workers: int, prefetch: int) -> Generator[Batch]:
    """The batches first, first + step, … without end; into pinned memory where there is a GPU.

    Where a process that reads dies, as one that used up the memory does, they are all started again at the batch that
    is next: a batch depends on its number alone.

    Raises:
        DataError: clips cannot be read, or processes died `_TRIES` times at the same batch.
    """
    number, deaths = first, 0
    while True:
        loader = DataLoader(
            batches,
            batch_size=None,
            sampler=itertools.count(number, step),
            num_workers=workers,
            prefetch_factor=prefetch if workers else None,
            pin_memory=torch.cuda.is_available(),
            worker_init_fn=ignore_signals,
            generator=torch.Generator(),  # else it draws from the global one
        )
        try:
            for batch in _started(loader):
                if isinstance(batch, DataError):
                    raise batch
                number, deaths = number + step, 0
                yield batch
        except RuntimeError as error:
            if _WORKER not in str(error):
                raise
            deaths += 1
            reason = " ".join(str(error).split())
            if deaths == _TRIES:
                raise DataError(
                    f"a process that reads ahead ended, {_TRIES} times at the same batch: {reason}; "
                    "lower data.workers or data.prefetch if memory was short"
                ) from error
            log.warning("a process that reads ahead ended: %s; started again", reason)


def _started(loader: DataLoader[Batch | DataError]) -> Iterator[Batch | DataError]:
    """Torch raises wherever this process is as a worker dies, in the middle of a step too; not so here, where it is
    noticed when a batch is waited for."""
    before = signal.getsignal(signal.SIGCHLD)
    batches = iter(loader)
    if threading.current_thread() is threading.main_thread() and before is not None:
        signal.signal(signal.SIGCHLD, before)
    return batches


def ignore_signals(worker: int) -> None:
    """For a worker as it begins: a signal to all processes of a job is for the trainer, which saves, then ends them."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
