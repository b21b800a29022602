"""A text encoder without weights: a fixed random vector for each word.

For models that are to be trained with nothing downloaded. A network can learn from it what a word it has seen means, and
nothing about words that it has not.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from models.diffusion.text_encoder.errors import EncoderError

WORDS = "words:"
LENGTH = 16
_START = "<start>"
_WORD = re.compile(r"[^\W_]+")


class WordVectors:
    """``words:D``: each word (its lower-case letters and digits) is D standard normal numbers that follow from it, plus a
    code of its place (arXiv 1706.03762, section 3.5). The first token is the same in every caption; absent ones are zero.
    """

    length = LENGTH

    def __init__(self, name: str, device: torch.device | str = "cpu") -> None:
        """Raises:
        EncoderError: ``name`` is not ``words:`` and an even number.
        """
        width = name.removeprefix(WORDS)
        if not width.isdecimal() or int(width) < 2 or int(width) % 2:
            raise EncoderError(f"text_encoder.model {name}: should be {WORDS} and an even number, such as {WORDS}64")
        self.width = int(width)
        self.identity = words_identity(name)
        self._device = device

    def encode(self, captions: Sequence[str]) -> Tensor:
        """(N, 16, D), float32."""
        found = torch.zeros(len(captions), LENGTH, self.width)
        for number, caption in enumerate(captions):
            tokens = _tokens(caption)[:LENGTH]
            vectors = torch.stack([_vector(token, self.width) for token in tokens])
            found[number, : len(tokens)] = vectors + _places(len(tokens), self.width)
        return found.to(self._device)

    def lengths(self, captions: Sequence[str]) -> list[int]:
        """Words of each caption, and the start."""
        return [len(_tokens(caption)) for caption in captions]


def words_identity(name: str) -> str:
    """The name and the version of how vectors are made."""
    return f"{name}@1"


def _tokens(caption: str) -> list[str]:
    return [_START, *_WORD.findall(caption.lower())]


def _vector(word: str, width: int) -> Tensor:
    key = int.from_bytes(hashlib.sha256(word.encode()).digest()[:16], "little")
    drawn = np.random.Generator(np.random.Philox(key=key)).standard_normal(width, np.float32)
    return torch.from_numpy(drawn)


def _places(count: int, width: int) -> Tensor:
    rates = 10_000 ** (-torch.arange(0, width, 2) / width)
    angles = torch.arange(count).unsqueeze(1) * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)
