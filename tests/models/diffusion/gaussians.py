"""Data whose best denoiser is known in closed form: a Gaussian."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Gaussian:
    """A Gaussian in d dimensions, float64: ``mean`` [d], ``covariance`` [d, d]."""

    mean: Tensor
    covariance: Tensor

    @classmethod
    def example(cls) -> Gaussian:
        """Three dimensions, correlated, of widths from 0.3 to 2."""
        turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64))[0]
        widths = torch.tensor([0.3, 1.0, 2.0], dtype=torch.float64)
        return cls(torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64), turn @ widths.square().diag() @ turn.T)

    def denoise(self, x: Tensor, sigma: Tensor) -> Tensor:
        """E[y | y + σ n = x] = μ + Σ (Σ + σ² 1)⁻¹ (x − μ), for ``x`` [b, d] and ``sigma`` [b]."""
        variances, axes = torch.linalg.eigh(self.covariance)
        kept = variances / (variances + sigma.square()[:, None])
        return self.mean + (x - self.mean) @ axes * kept @ axes.T

    def flow(self, x: Tensor, start: float, end: float) -> Tensor:
        """Where the probability flow ODE leads ``x`` [b, d] from noise level ``start`` to ``end``: each principal
        component of x − μ grows like √(λ + σ²)."""
        variances, axes = torch.linalg.eigh(self.covariance)
        growth = ((variances + end**2) / (variances + start**2)).sqrt()
        return self.mean + (x - self.mean) @ axes * growth @ axes.T
