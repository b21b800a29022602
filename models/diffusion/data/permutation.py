"""Pseudo-random permutations of any size of which one element costs as much in the middle as at the start."""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]

_ROUNDS = 6
# Up to here a permutation is drawn and kept; beyond, each element is computed.
_LARGEST_DRAWN = 1 << 16
_MIX = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def permuted(positions: Numbers, size: int, key: str) -> Numbers:
    """Where a permutation of 0 … size − 1, one for each ``key``, leads these positions; int64 [n] to int64 [n].

    Large ones are a balanced Feistel network over the next power of four, walked along until the result is below
    ``size`` (Black and Rogaway, Ciphers with Arbitrary Finite Domains, CT-RSA 2002). That needs no memory.
    """
    if size <= _LARGEST_DRAWN:
        return _drawn(size, key)[positions]
    half = np.uint64(((size - 1).bit_length() + 1) // 2)
    keys = _round_keys(key)
    values = _network(positions.astype(np.uint64), half, keys)
    while (outside := values >= size).any():
        values[outside] = _network(values[outside], half, keys)
    return values.astype(np.int64)


@lru_cache(maxsize=64)
def _drawn(size: int, key: str) -> Numbers:
    digest = hashlib.sha256(key.encode()).digest()
    generator = np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))
    return generator.permutation(size).astype(np.int64)


@lru_cache(maxsize=1024)
def _round_keys(key: str) -> tuple[np.uint64, ...]:
    digests = (hashlib.sha256(f"{number}/{key}".encode()).digest() for number in range(_ROUNDS))
    return tuple(np.uint64(int.from_bytes(digest[:8], "little")) for digest in digests)


def _network(values: npt.NDArray[np.uint64], half: np.uint64, keys: tuple[np.uint64, ...]) -> npt.NDArray[np.uint64]:
    mask = (np.uint64(1) << half) - np.uint64(1)
    left, right = values >> half, values & mask
    for key in keys:
        left, right = right, left ^ (_mixed(right ^ key) & mask)
    return (left << half) | right


def _mixed(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    values = (values ^ (values >> np.uint64(30))) * _MIX[0]
    values = (values ^ (values >> np.uint64(27))) * _MIX[1]
    return values ^ (values >> np.uint64(31))
