"""Micro-batches read ahead by worker processes."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Generator

import torch
from torch.utils.data import DataLoader, Dataset

from models.diffusion.data.batch import Batch
from models.diffusion.data.buckets import Bucket
from models.diffusion.data.errors import DataError
from models.diffusion.data.order import Order
from models.diffusion.data.sample import SampleReader

# What torch says where a worker died.
_WORKER = "DataLoader worker"


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

    Raises:
        DataError: clips cannot be read, or a process that reads them died.
    """
    loader = DataLoader(
        batches,
        batch_size=None,
        sampler=itertools.count(first, step),
        num_workers=workers,
        prefetch_factor=prefetch if workers else None,
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=ignore_signals,
        generator=torch.Generator(),  # else it draws from the global one
    )
    try:
        for batch in loader:
            if isinstance(batch, DataError):
                raise batch
            yield batch
    except RuntimeError as error:
        if _WORKER not in str(error):
            raise
        reason = " ".join(str(error).split())
        raise DataError(f"a process that reads ahead ended: {reason}; lower data.workers or data.prefetch") from error


def ignore_signals(worker: int) -> None:
    """For a worker as it begins: a signal to all processes of a job is for the trainer, which saves, then ends them."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
