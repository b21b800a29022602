"""What is measured between two lines of the log."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

import torch

from models.diffusion.train.distributed import World

# Noise levels that are told apart in the log.
BAND_EDGES = (0.05, 0.2, 0.5, 1.0, 2.0, 5.0, 20.0)


def band_names(edges: Sequence[float] = BAND_EDGES) -> list[str]:
    """``<0.05``, ``0.05-0.2``, …, ``>20``."""
    middle = [f"{low:g}-{high:g}" for low, high in pairwise(edges)]
    return [f"<{edges[0]:g}", *middle, f">{edges[-1]:g}"]


class LossMeter:
    """Mean loss of the samples since it was last read, in all and by band of σ."""

    def __init__(self, device: torch.device) -> None:
        self.edges = torch.tensor(BAND_EDGES)
        self.sums = torch.zeros(2, len(BAND_EDGES) + 1, dtype=torch.float64, device=device)

    def add(self, sigma: torch.Tensor, losses: torch.Tensor) -> None:
        """``sigma``: (B,) on the CPU; ``losses``: (B,), stays on its device."""
        band = torch.bucketize(sigma, self.edges).to(losses.device)
        self.sums[0].index_add_(0, band, losses.detach().double())
        self.sums[1].index_add_(0, band, torch.ones_like(losses, dtype=torch.float64))

    def read(self, world: World) -> tuple[float, dict[str, float]]:
        """Mean loss over the samples of all ranks, and of each band that had any; starts anew."""
        count = self.sums.shape[1]
        values = world.sum(self.sums.flatten().tolist())
        self.sums.zero_()
        sums, samples = values[:count], values[count:]
        bands = {
            name: total / number for name, total, number in zip(band_names(), sums, samples, strict=True) if number
        }
        return sum(sums) / max(sum(samples), 1.0), bands


class Clock:
    """Seconds of training since it was last read, and how many of them were spent waiting for data."""

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.waited = 0.0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Counts the time of its body as waiting."""
        start = time.perf_counter()
        yield
        self.waited += time.perf_counter() - start

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """The time of its body does not count."""
        start = time.perf_counter()
        yield
        self.began += time.perf_counter() - start

    def read(self) -> tuple[float, float]:
        """Seconds that went by, and the share of them spent waiting; starts anew."""
        now = time.perf_counter()
        seconds, share = now - self.began, self.waited / max(now - self.began, 1e-9)
        self.began, self.waited = now, 0.0
        return seconds, share
