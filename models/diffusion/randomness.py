"""Random numbers that depend on a sample's counter alone.

Everything drawn for the n-th sample of a training is a function of (seed, n, purpose): not of the rank that works on
it, the size of the batch, or what was drawn before. A training that was stopped goes on with the same numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch


def item_generator(seed: int, index: int, purpose: str) -> np.random.Generator:
    """A stream of its own (Philox, a counter-based generator) for one purpose of one sample, the same on every machine.

    ``seed`` and ``index``: 0 or more.
    """
    return np.random.Generator(np.random.Philox(key=_key(seed, purpose), counter=[0, 0, index, 0]))


def normal(
    seed: int, indices: Sequence[int], purpose: str, shape: Sequence[int], device: torch.device | str = "cpu"
) -> torch.Tensor:
    """Standard normal noise (len(indices), \\*shape), float32. A GPU draws other numbers than a CPU."""
    if torch.device(device).type != "cuda":
        drawn = [item_generator(seed, index, purpose).standard_normal(tuple(shape), np.float32) for index in indices]
        return torch.from_numpy(np.stack(drawn)).to(device)
    noise = torch.empty((len(indices), *shape), device=device)
    generator = torch.Generator(device)
    for item, index in zip(noise, indices, strict=True):
        key = int.from_bytes(hashlib.sha256(f"{purpose}/{seed}/{index}".encode()).digest()[:8], "little")
        item.normal_(generator=generator.manual_seed(key >> 1))
    return noise


def uniform(seed: int, indices: Sequence[int], purpose: str) -> torch.Tensor:
    """Numbers in [0, 1), (len(indices),), float32, on the CPU."""
    return torch.tensor([item_generator(seed, index, purpose).random(dtype=np.float32) for index in indices])


def _key(seed: int, purpose: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{purpose}/{seed}".encode()).digest()[:16], "little")
