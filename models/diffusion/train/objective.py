"""The loss of a batch: its latents, what the network is told of them, the noise, and how well it is taken away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from models.diffusion.autoencoder import Autoencoder
from models.diffusion.conditioning import Conditioning, Conditions
from models.diffusion.data import Batch
from models.diffusion.edm import EDM, NoiseSettings, loss, sample_noise, sample_sigma
from models.diffusion.errors import DiffusionError
from models.diffusion.text_encoder import ImageEncoder, TextEncoder


@dataclass(frozen=True)
class Objective:
    """Denoising score matching of a latent video model, EDM's weighting (`models.diffusion.edm`).

    The autoencoder may be None where latents come from the cache, the text encoder where text embeddings do.
    ``bf16``: the network computes in bfloat16; ``stills_only``: it is never shown more than a frame.
    """

    noise: NoiseSettings
    conditioning: Conditioning
    autoencoder: Autoencoder | None
    text_encoder: TextEncoder | None
    image_encoder: ImageEncoder | None
    seed: int
    device: torch.device
    bf16: bool
    stills_only: bool = False

    def losses(self, network: nn.Module, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """σ and the weighted loss of each sample, (B,) each, as they are in training."""
        sigma = sample_sigma(self.seed, batch.indices, self.noise.p_mean, self.noise.p_std)
        latents, conditions = self.prepared(batch)
        conditions = self.conditioning.without(conditions, self.conditioning.dropped(self.seed, batch.indices))
        return sigma, self.losses_at(network, batch, latents, conditions, sigma)

    def losses_at(
        self, network: nn.Module, batch: Batch, latents: torch.Tensor, conditions: Conditions, sigma: torch.Tensor
    ) -> torch.Tensor:
        """The weighted loss (B,) at noise levels ``sigma`` (B,). The noise follows from the samples' counters."""
        noise = sample_noise(self.seed, batch.indices, latents.shape[1:], offset=self.noise.offset, device=self.device)
        stills: torch.Tensor | bool = self.stills_only
        if not stills:
            stills = batch.is_image.to(self.device).unsqueeze(1).expand(-1, latents.shape[1])
        told: dict[str, Any] = conditions.for_network()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            return loss(
                EDM(self.noise.sigma_data), network, latents, sigma.to(self.device), noise, image_only=stills, **told
            )

    @torch.no_grad()
    def prepared(self, batch: Batch) -> tuple[torch.Tensor, Conditions]:
        """Latents (B, F, C, h, w) of a batch, and all that can be told of it: nothing is left out yet."""
        latents = self._latents(batch)
        frame = self.conditioning.settings.frame
        sigma = concat = None
        if frame is not None:
            sigma = self.conditioning.augmentation(self.seed, batch.indices)
            if frame.augment == "latents":
                first = self.conditioning.augmented(latents[:, 0], sigma, self.seed, batch.indices)
            else:
                pixels = self.conditioning.augmented(self._first_frames(batch), sigma, self.seed, batch.indices)
                first = self._encoded(pixels)
            concat = self.conditioning.over_time(first, latents.shape[1])
        micro = self.conditioning.micro_of(batch.fps, batch.motion, batch.is_image, sigma, batch.extra)
        return latents, Conditions(self._context(batch), micro.to(self.device), concat)

    def _latents(self, batch: Batch) -> torch.Tensor:
        if batch.latents is not None:
            return batch.latents.to(self.device, torch.float32, non_blocking=True)
        pixels = _pixels(batch)
        count, frames = pixels.shape[:2]
        encoded = self._encoded(pixels.flatten(0, 1).to(self.device, non_blocking=True))
        return encoded.reshape(count, frames, *encoded.shape[1:])

    def _context(self, batch: Batch) -> torch.Tensor:
        of_image = self.conditioning.settings.context == "image"
        cached = batch.image_context if of_image else batch.context
        if cached is not None:
            return cached.to(self.device, torch.float32, non_blocking=True)
        if of_image:
            assert self.image_encoder is not None
            return self.image_encoder.encode(self._first_frames(batch)).float()
        assert self.text_encoder is not None
        return self.text_encoder.encode(batch.captions).to(self.device, torch.float32)

    def _first_frames(self, batch: Batch) -> torch.Tensor:
        return normalised(_pixels(batch)[:, 0].to(self.device))

    def _encoded(self, pixels: torch.Tensor) -> torch.Tensor:
        """``pixels``: (N, 3, H, W), uint8 or in [−1, 1]."""
        if self.autoencoder is None:
            raise DiffusionError("the batch has pixels and there is no autoencoder to encode them")
        return self.autoencoder.encode(normalised(pixels)).float()


def normalised(pixels: torch.Tensor) -> torch.Tensor:
    """8-bit pixels as float32 in [−1, 1]; anything else as it is."""
    return pixels.float().div(127.5).sub(1) if pixels.dtype == torch.uint8 else pixels


def _pixels(batch: Batch) -> torch.Tensor:
    if batch.pixels is None:
        raise DiffusionError(
            "the first frames are needed and only latents are cached: set conditioning.frame.augment to latents, and "
            "cache the embeddings of the first frames, or train without the cache (data.latents: decode)"
        )
    return batch.pixels
