"""Random numbers that depend on a sample's counter alone.

Everything drawn for the n-th sample of a training is a function of (seed, n, purpose): not of the rank that works on
it, the size of the batch, or what was drawn before. A training that was stopped goes on with the same numbers.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import torch


def item_seed(seed: int, index: int, purpose: str) -> int:
    """A seed of 63 bits, the same on every machine. ``seed`` and ``index`` are 0 or more."""
    words = np.random.SeedSequence([seed, index, zlib.crc32(purpose.encode())]).generate_state(1, np.uint64)
    return int(words[0] >> np.uint64(1))


def item_generator(
    seed: int, index: int, purpose: str, device: torch.device | str = "cpu"
) -> torch.Generator:
    """A generator of its own for one purpose of one sample."""
    return torch.Generator(device).manual_seed(item_seed(seed, index, purpose))


def normal(
    seed: int, indices: Sequence[int], purpose: str, shape: Sequence[int], device: torch.device | str = "cpu"
) -> torch.Tensor:
    """Standard normal noise (len(indices), \\*shape), float32; a CPU and a GPU draw different numbers."""
    drawn = [
        torch.randn(tuple(shape), generator=item_generator(seed, index, purpose, device), device=device)
        for index in indices
    ]
    return torch.stack(drawn)


def uniform(seed: int, indices: Sequence[int], purpose: str) -> torch.Tensor:
    """Numbers in [0, 1), (len(indices),), float32, on the CPU."""
    return torch.cat([torch.rand(1, generator=item_generator(seed, index, purpose)) for index in indices])
