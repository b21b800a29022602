"""The order in which clips are seen: a pure function of the seed and the sample counter."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from models.diffusion.data.permutation import Numbers, permuted


class Order:
    """Which clip the n-th sample of a training is, n counted over all ranks.

    Each bucket is an endless stream of its clips: one permutation after the other, a new one each time. Samples come in
    groups of ``group_size`` from one bucket. Epoch e has as many groups of a bucket as bring it to e + 1 times its
    clips, rounded up; what the last group takes from the next permutation is missing in the next epoch. So at the end
    of epoch e each clip was seen e + 1 times, or once more where it filled up a group. The groups of an epoch are
    shuffled. Nothing of this depends on ranks or batches, and nothing is stored: any place costs the same.
    """

    def __init__(self, bucket_sizes: Sequence[int], names: Sequence[str], group_size: int, seed: int) -> None:
        """``bucket_sizes``: clips of each bucket, 1 or more; ``names``: tell the buckets' permutations apart."""
        self._sizes = list(bucket_sizes)
        self._names = list(names)
        self._group_size = group_size
        self._seed = seed
        self._total = sum(bucket_sizes)

    def samples(self, start: int, count: int) -> tuple[int, Numbers]:
        """The bucket of the samples ``start`` … ``start + count − 1``, and the place of each one's clip in it.

        Raises:
            ValueError: they are not all of one group.
        """
        group, offset = divmod(start, self._group_size)
        if offset + count > self._group_size:
            raise ValueError(f"samples {start} to {start + count - 1} are of more than one group of {self._group_size}")
        bucket, number = self.group(group)
        stream = number * self._group_size + offset + np.arange(count, dtype=np.int64)
        return bucket, self._places(bucket, stream)

    def group(self, group: int) -> tuple[int, int]:
        """The bucket of a group, and how many groups of that bucket's stream come before it."""
        epoch = self.epoch(group)
        first = [self._groups_by(bucket, epoch) for bucket in range(len(self._sizes))]
        counts = [self._groups_by(bucket, epoch + 1) - start for bucket, start in enumerate(first)]
        ends = list(accumulate(counts))
        place = np.array([group - sum(first)], np.int64)
        shuffled = int(permuted(place, ends[-1], f"groups/{self._seed}/{epoch}")[0])
        bucket = bisect.bisect_right(ends, shuffled)
        return bucket, first[bucket] + shuffled - (ends[bucket] - counts[bucket])

    def epoch(self, group: int) -> int:
        """The epoch, from 0, that a group is of."""
        low, high = 0, 2 + (group + 1) * self._group_size // self._total
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.groups_before(middle) <= group else (low, middle)
        return low

    def groups_before(self, epoch: int) -> int:
        """How many groups the epochs before this one have."""
        return sum(self._groups_by(bucket, epoch) for bucket in range(len(self._sizes)))

    def _groups_by(self, bucket: int, epoch: int) -> int:
        return -(-epoch * self._sizes[bucket] // self._group_size)

    def _places(self, bucket: int, stream: Numbers) -> Numbers:
        """The clips at these positions of a bucket's stream."""
        size = self._sizes[bucket]
        rounds = stream // size
        found = np.empty_like(stream)
        for number in np.unique(rounds):
            there = rounds == number
            key = f"{self._names[bucket]}/{self._seed}/{number}"
            found[there] = permuted(stream[there] % size, size, key)
        return found
