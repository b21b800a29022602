"""Noise levels at which a sampler evaluates the denoiser."""

from __future__ import annotations

import torch
from torch import Tensor


def karras(steps: int, sigma_min: float, sigma_max: float, rho: float = 7.0) -> Tensor:
    """``steps`` noise levels from ``sigma_max`` down to ``sigma_min``, and 0 behind them: float64 [steps + 1].

    Evenly spaced in σ^(1/ρ): the larger ρ, the more steps at low noise. One step alone is taken from ``sigma_max``.
    Source: arXiv 2206.00364, equation 5. Stable Video Diffusion: 25 to 30 steps from 700 to 0.002, ρ = 7.

    Raises:
        ValueError: no step, or not 0 < sigma_min <= sigma_max.
    """
    if steps < 1 or not 0 < sigma_min <= sigma_max:
        raise ValueError(f"steps {steps}, sigma_min {sigma_min}, sigma_max {sigma_max}: no schedule")
    ramp = torch.linspace(0, 1, steps, dtype=torch.float64)
    high, low = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    return torch.cat([(high + ramp * (low - high)) ** rho, torch.zeros(1, dtype=torch.float64)])
