"""The EDM formulation: preconditioning, the distribution of noise levels, the loss.

Source: T. Karras et al., "Elucidating the Design Space of Diffusion-Based Generative Models", arXiv 2206.00364, table 1
and section 5; with the signs and σ_data = 1 of Stable Video Diffusion, arXiv 2311.15127, appendix D.1. The symbols of
both papers stand beside the names used here in docs/diffusion_math.md.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from models.diffusion.randomness import normal


class NoiseSettings(BaseModel):
    """Which noise levels a model is trained on. Defaults: the first video stage of Stable Video Diffusion."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    p_mean: float = Field(-1.2, description="mean of ln σ, the logarithm of the noise level")
    p_std: float = Field(1.0, gt=0, description="standard deviation of ln σ")
    sigma_data: float = Field(
        1.0, gt=0, description="standard deviation of the latents that the preconditioning expects"
    )
    offset: float = Field(0.0, ge=0, description="strength of noise that is constant over a video's channel; 0: none")


class Net(Protocol):
    """What a preconditioning wraps: a network such as `VideoUNet`, or a function."""

    def __call__(self, x: Tensor, c_noise: Tensor, **conditions: Any) -> Tensor:
        """``x`` [b, f, c_in, h, w], ``c_noise`` [b] -> [b, f, c_out, h, w]."""
        ...


class Preconditioning(ABC):
    """How a network F becomes a denoiser: D(x; σ) = c_skip x + c_out F(c_in x; c_noise).

    The four coefficients take noise levels σ [b], float32, and give float32 [b].
    """

    @abstractmethod
    def c_skip(self, sigma: Tensor) -> Tensor:
        """The share of the input that goes past the network."""

    @abstractmethod
    def c_out(self, sigma: Tensor) -> Tensor:
        """Scale of the network's output."""

    @abstractmethod
    def c_in(self, sigma: Tensor) -> Tensor:
        """Scale of the network's input."""

    @abstractmethod
    def c_noise(self, sigma: Tensor) -> Tensor:
        """What the network is told of the noise level."""

    def weight(self, sigma: Tensor) -> Tensor:
        """λ(σ) = 1 / c_out²: every noise level weighs the same in the loss of the network's own output."""
        return 1 / self.c_out(sigma).square()

    def denoise(self, net: Net, x: Tensor, sigma: Tensor, *, concat: Tensor | None = None, **conditions: Any) -> Tensor:
        """The expected clean latents D(x; σ), [b, f, c, h, w] like ``x``.

        ``x``: noisy latents [b, f, c, h, w]. ``sigma``: [b]. ``concat``: latents [b, f, c', h, w] that the network
        reads as further channels, as they are: σ is not their noise level. ``conditions``: the network's other
        arguments.
        """
        sigma = sigma.float()
        scaled = x * per_item(self.c_in(sigma), x)
        if concat is not None:
            scaled = torch.cat([scaled, concat.to(scaled.dtype)], dim=2)
        output = net(scaled, self.c_noise(sigma), **conditions)
        return x * per_item(self.c_skip(sigma), x) + output.to(x.dtype) * per_item(self.c_out(sigma), x)


class EDM(Preconditioning):
    """EDM's preconditioning, with the sign of c_out that Stable Video Diffusion has.

    With σ_data = 1 the network then predicts v of a variance-preserving model (arXiv 2202.00512), so that the weights
    of a v-prediction image model fit. 1 / c_out² is EDM's weight (σ² + σ_data²) / (σ σ_data)².
    """

    def __init__(self, sigma_data: float = 1.0) -> None:
        self.sigma_data = sigma_data

    def c_skip(self, sigma: Tensor) -> Tensor:
        """σ_data² / (σ² + σ_data²)."""
        return self.sigma_data**2 / (sigma**2 + self.sigma_data**2)

    def c_out(self, sigma: Tensor) -> Tensor:
        """−σ σ_data / √(σ² + σ_data²): what the network is to say has variance 1."""
        return -sigma * self.sigma_data / (sigma**2 + self.sigma_data**2).sqrt()

    def c_in(self, sigma: Tensor) -> Tensor:
        """1 / √(σ² + σ_data²): what the network sees has variance 1."""
        return 1 / (sigma**2 + self.sigma_data**2).sqrt()

    def c_noise(self, sigma: Tensor) -> Tensor:
        """¼ ln σ."""
        return sigma.log() / 4


def per_item(values: Tensor, x: Tensor) -> Tensor:
    """``values`` [b], shaped so that they scale the items of ``x`` [b, …]."""
    return values.view(-1, *[1] * (x.ndim - 1))


def sigma_of(drawn: Tensor, p_mean: float, p_std: float) -> Tensor:
    """Noise levels exp(P_mean + P_std z), shaped like the standard normal numbers ``drawn``."""
    return (p_mean + p_std * drawn).exp()


def sample_sigma(seed: int, indices: Sequence[int], p_mean: float, p_std: float, *, purpose: str = "sigma") -> Tensor:
    """Log-normal noise levels, float32 [b], one for each of ``indices`` (global sample counters), from its own
    stream."""
    return sigma_of(normal(seed, indices, purpose, ()), p_mean, p_std)


def sample_noise(
    seed: int, indices: Sequence[int], shape: Sequence[int], *, offset: float = 0.0, device: torch.device | str = "cpu"
) -> Tensor:
    """Noise of unit variance, float32 [b, f, c, h, w] for ``shape`` (f, c, h, w), each item from its own stream.

    ``offset``: adds this much of one normal number per item and channel, the same in all frames and places: without it
    a model hardly learns to change a video's mean brightness (N. Guttenberg, "Diffusion with Offset Noise", 2023).
    """
    noise = normal(seed, indices, "noise", shape, device)
    if offset:
        channels = normal(seed, indices, "noise offset", (shape[1],), device)
        noise = noise + offset * channels[:, None, :, None, None]
    return noise


def loss(
    preconditioning: Preconditioning, net: Net, clean: Tensor, sigma: Tensor, noise: Tensor, **conditions: Any
) -> Tensor:
    """λ(σ) ‖D(y + σ n; σ) − y‖², mean over each item's elements: float32 [b].

    ``clean`` y and ``noise`` n: [b, f, c, h, w]; ``sigma`` [b]; ``conditions``: as for `Preconditioning.denoise`.
    """
    clean = clean.float()
    noisy = clean + noise * per_item(sigma, clean)
    denoised = preconditioning.denoise(net, noisy, sigma, **conditions)
    return (denoised - clean).square().flatten(1).mean(dim=1) * preconditioning.weight(sigma)
