"""What encoders of captions and of pictures have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor


class TextEncoder(Protocol):
    """``width``: D; ``length``: L, tokens that are read, start and end too; ``identity``: name and hash of weights."""

    @property
    def width(self) -> int: ...
    @property
    def length(self) -> int: ...
    @property
    def identity(self) -> str: ...

    def encode(self, captions: Sequence[str]) -> Tensor:
        """(N, L, D), float32: the state of every token; longer captions are cut off, shorter ones filled up."""

    def lengths(self, captions: Sequence[str]) -> list[int]:
        """Tokens of each caption, with start and end, before anything is cut off."""


class ImageEncoder(Protocol):
    """``width``: D; ``identity``: name and hash of the weights."""

    @property
    def width(self) -> int: ...
    @property
    def identity(self) -> str: ...

    def encode(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) in [−1, 1] to (N, 1, D), float32: CLIP's embedding, not normalised."""
