"""Encoders without weights, for small models and where no hub is: what they give is fixed by a hash."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

_WORD = re.compile(r"\w+|[^\w\s]")
# Tokens of a caption that are read.
LENGTH = 32


class Words:
    """A `TextEncoder`: each word, in small letters, and each sign is a fixed vector of normal numbers, to which a code
    of its place is added; zeros fill up to `LENGTH`.

    It knows nothing of meanings: a network learns each word by itself. The code of places is that of arXiv 1706.03762,
    section 3.5.
    """

    def __init__(self, width: int) -> None:
        """``width``: even."""
        self.width = width
        self.length = LENGTH
        self.identity = f"words:{width}"
        rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
        angles = torch.arange(LENGTH).unsqueeze(1) * rates
        self._places = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)

    def encode(self, captions: Sequence[str]) -> Tensor:
        """See `TextEncoder`."""
        states = torch.zeros(len(captions), LENGTH, self.width)
        for state, caption in zip(states, captions, strict=True):
            for place, word in enumerate(_words(caption)[:LENGTH]):
                state[place] = _vector(word, self.width) + self._places[place]
        return states

    def lengths(self, captions: Sequence[str]) -> list[int]:
        """See `TextEncoder`; there is neither start nor end."""
        return [len(_words(caption)) for caption in captions]


class Cells:
    """An `ImageEncoder`: the mean colours of ``side`` × ``side`` equal parts of the picture, in [−1, 1]."""

    def __init__(self, side: int) -> None:
        self._side = side
        self.width = 3 * side**2
        self.identity = f"cells:{side}"

    def encode(self, pixels: Tensor) -> Tensor:
        """See `ImageEncoder`."""
        means = functional.adaptive_avg_pool2d(pixels.float().cpu(), self._side)
        return means.flatten(1).unsqueeze(1)


def _words(caption: str) -> list[str]:
    return _WORD.findall(caption.lower())


@lru_cache(maxsize=65_536)
def _vector(word: str, width: int) -> Tensor:
    key = int.from_bytes(hashlib.sha256(word.encode()).digest()[:16], "little")
    return torch.from_numpy(np.random.Generator(np.random.Philox(key=key)).standard_normal(width, np.float32))
