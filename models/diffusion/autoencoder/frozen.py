"""A loaded autoencoder as the trainer and the sampler use it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor, nn

from models.diffusion.autoencoder.errors import AutoencoderError


class Autoencoder(Protocol):
    """``channels``: of a latent; ``factor``: pixels per side of one; ``scaling``: what latents were multiplied by;
    ``identity``: name and hash of all that latents follow from."""

    @property
    def channels(self) -> int: ...
    @property
    def factor(self) -> int: ...
    @property
    def scaling(self) -> float: ...
    @property
    def identity(self) -> str: ...

    def encode(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) in [−1, 1] to (N, channels, H / factor, W / factor), float32, of about unit variance.

        It is the posterior's mean: nothing is drawn, so that cached latents are those that would be computed.

        Raises:
            AutoencoderError: H or W is no multiple of ``factor``.
        """

    def decode(self, latents: Tensor, num_frames: int) -> Tensor:
        """The reverse, float32, in about [−1, 1]. ``num_frames``: so many in a row are one video."""


class Model(Protocol):
    """What the kinds have in common: latents without scale."""

    channels: int
    factor: int

    def encode(self, pixels: Tensor) -> Tensor: ...
    def decode(self, latents: Tensor, num_frames: int) -> Tensor: ...


class FrozenAutoencoder:
    """An `Autoencoder` over one of the models; weights never change."""

    def __init__(
        self,
        model: nn.Module,
        *,
        scaling: float,
        shift: float,
        identity: str,
        device: torch.device | str,
        dtype: torch.dtype,
        frames_per_pass: int,
    ) -> None:
        """Latents are (z − ``shift``) · ``scaling``. ``frames_per_pass``: see `AutoencoderSettings`."""
        self.scaling = scaling
        self.identity = identity
        self._model = model.to(device, dtype).eval().requires_grad_(False)
        self._shift = shift
        self._dtype = dtype
        self._device = torch.device(device)
        self._frames_per_pass = frames_per_pass

    @property
    def channels(self) -> int:
        """Of a latent."""
        return int(self._kind.channels)

    @property
    def factor(self) -> int:
        """Pixels per side of one latent."""
        return int(self._kind.factor)

    @torch.no_grad()
    def encode(self, pixels: Tensor) -> Tensor:
        """See `Autoencoder`."""
        if any(side % self.factor for side in pixels.shape[-2:]):
            height, width = pixels.shape[-2:]
            raise AutoencoderError(
                f"pictures of {height} × {width} cannot be encoded: sides must be multiples of {self.factor}; "
                "see data.sizes"
            )
        parts = [self._kind.encode(part).float() for part in self._passes(pixels, len(pixels))]
        return (torch.cat(parts) - self._shift) * self.scaling

    @torch.no_grad()
    def decode(self, latents: Tensor, num_frames: int) -> Tensor:
        """See `Autoencoder`. A decoder that looks along time sees up to ``frames_per_pass`` frames of a video at once,
        as in the published sampler of Stable Video Diffusion."""
        raw = latents.float() / self.scaling + self._shift
        parts = [self._kind.decode(part, len(part)).float() for part in self._passes(raw, num_frames)]
        return torch.cat(parts)

    @property
    def _kind(self) -> Model:
        return self._model  # type: ignore[return-value]  # every model here is such

    def _passes(self, frames: Tensor, num_frames: int) -> Iterator[Tensor]:
        """Parts of up to ``frames_per_pass`` frames, none of two videos."""
        for start in range(0, len(frames), num_frames):
            end = min(start + num_frames, len(frames))
            for first in range(start, end, self._frames_per_pass):
                part = frames[first : min(first + self._frames_per_pass, end)]
                yield part.to(self._device, self._dtype)
