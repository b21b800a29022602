"""From what the network is told to pixels: noise, sampler, autoencoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from models.diffusion.autoencoder import Autoencoder
from models.diffusion.conditioning import Conditioning, Conditions
from models.diffusion.edm import EDM
from models.diffusion.randomness import normal
from models.diffusion.sampling import SamplingSettings, sample_latents


@dataclass(frozen=True)
class VideoModel:
    """A network with all that belongs to it."""

    network: nn.Module
    edm: EDM
    autoencoder: Autoencoder
    conditioning: Conditioning

    @torch.no_grad()
    def videos(
        self,
        told: Conditions,
        size: tuple[int, int, int],
        settings: SamplingSettings,
        *,
        seed: int,
        indices: Sequence[int],
        evaluated: Callable[[], None] = lambda: None,
    ) -> list[Tensor]:
        """Pixels (F, 3, H, W) in about [−1, 1] of each item of ``told``, on its device.

        ``size``: frames, height and width in pixels; ``seed`` and ``indices``: of the noise that each begins with;
        ``evaluated``: called after each evaluation of the denoiser.
        """
        frames, height, width = size
        factor = self.autoencoder.factor
        shape = (frames, self.autoencoder.channels, height // factor, width // factor)
        # A single frame is an image: the temporal layers have no part in it.
        net = partial(self.network, image_only=True) if frames == 1 else self.network
        latents = sample_latents(
            self.edm,
            net,
            normal(seed, indices, "sampling", shape).to(told.context.device),
            settings,
            told.for_network(),
            self.conditioning.unconditional(told).for_network(),
            evaluated=evaluated,
        )
        return [self.autoencoder.decode(video, num_frames=frames) for video in latents]
