"""Micro-batches by their numbers."""

from __future__ import annotations

from torch.utils.data import Dataset

from models.diffusion.data.batch import Batch
from models.diffusion.data.buckets import Bucket
from models.diffusion.data.errors import DataError
from models.diffusion.data.order import Order
from models.diffusion.data.sample import SampleReader


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
