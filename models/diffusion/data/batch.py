"""One batch of training samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch


@dataclass(frozen=True)
class Broken:
    """A clip that could not be read. ``key``: its id; ``where``: shards and file; ``reason``: in words."""

    key: str
    where: str
    reason: str

    def __str__(self) -> str:
        return f"{self.where}: {self.key}: {self.reason}"


@dataclass(frozen=True)
class Batch:
    """Samples of one shape, B of F frames.

    ``keys``: clip ids; ``indices``: the samples' counters over all ranks, from 0.
    ``pixels``: (B, F, 3, H, W) uint8 RGB, or None; ``latents``: (B, F, C, h, w) as cached, or None: one of the two.
    ``captions``: one each, empty where a clip has none; ``context``: (B, L, D) their cached embeddings, or None;
    ``image_context``: (B, 1, D) the cached CLIP embedding of the first frame, or None.
    ``fps``: (B,) frames per second of the sample; ``motion``: (B,) the clip's measured ``motion_score``, NaN where it
    has none.
    ``extra``: by name, (B,) each, NaN where unknown; "crop": (B, 2) the top and left pixel of the cut in the picture
    before, "original_size": (B, 2) height and width of the clip.
    ``is_image``: (B,) bool: the frames are one still.
    ``broken``: clips that could not be read, for which others stand.
    """

    keys: list[str]
    indices: list[int]
    pixels: torch.Tensor | None
    latents: torch.Tensor | None
    captions: list[str]
    context: torch.Tensor | None
    fps: torch.Tensor
    motion: torch.Tensor
    extra: Mapping[str, torch.Tensor]
    is_image: torch.Tensor
    image_context: torch.Tensor | None = None
    broken: list[Broken] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def num_frames(self) -> int:
        """F."""
        frames = self.pixels if self.pixels is not None else self.latents
        assert frames is not None
        return int(frames.shape[1])

    def pin_memory(self) -> Batch:
        """The same in page-locked memory, from which copies to a GPU can run beside its work; `DataLoader` calls it."""
        return self._mapped(lambda tensor: tensor.pin_memory())

    def to(self, device: torch.device | str) -> Batch:
        """The same with all tensors on ``device``; copies from pinned memory do not wait."""
        return self._mapped(lambda tensor: tensor.to(device, non_blocking=True))

    def _mapped(self, change: Any) -> Batch:
        tensors = {name: value for name, value in vars(self).items() if isinstance(value, torch.Tensor)}
        changed: dict[str, Any] = {name: change(value) for name, value in tensors.items()}
        return replace(self, **changed, extra={name: change(value) for name, value in self.extra.items()})
