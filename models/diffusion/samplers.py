"""Samplers: from noise to data along the probability flow ODE, dx/dσ = (x − D(x; σ)) / σ.

Each is a pure function of a denoiser, a start and descending noise levels; nothing is drawn. All compute their
coefficients in double precision on the CPU, so that a GPU is never waited for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise

from torch import Tensor

Denoiser = Callable[[Tensor, Tensor], Tensor]
"""``x`` [b, f, c, h, w] with noise of level ``sigma`` [b] -> the expected clean latents, like ``x``."""

Sampler = Callable[[Denoiser, Tensor, Tensor], Tensor]
"""``denoise``, ``x`` at noise level ``sigmas[0]``, ``sigmas`` [n + 1] descending -> ``x`` at ``sigmas[-1]`` (0:
clean)."""


def euler(denoise: Denoiser, x: Tensor, sigmas: Tensor) -> Tensor:
    """Euler's method, order 1: one evaluation a step. What Stable Video Diffusion samples with.

    Source: arXiv 2206.00364, algorithm 1 without its second-order correction.
    """
    for sigma, following in pairwise(sigmas.tolist()):
        x = x + (following - sigma) * _slope(denoise, x, sigma)
    return x


def heun(denoise: Denoiser, x: Tensor, sigmas: Tensor) -> Tensor:
    """Heun's method, order 2: two evaluations a step, but one in the step to 0, where the slope has no value.

    Source: arXiv 2206.00364, algorithm 1.
    """
    for sigma, following in pairwise(sigmas.tolist()):
        slope = _slope(denoise, x, sigma)
        ahead = x + (following - sigma) * slope
        if following > 0:
            slope = (slope + _slope(denoise, ahead, following)) / 2
            ahead = x + (following - sigma) * slope
        x = ahead
    return x


def dpmpp_2m(denoise: Denoiser, x: Tensor, sigmas: Tensor) -> Tensor:
    """DPM-Solver++(2M), order 2 with one evaluation a step: the denoiser is extrapolated from its last two values.

    With λ = −ln σ and h the step in λ: x' = (σ'/σ) x − (e^(−h) − 1) D, where D is the line through this step's and the
    last step's denoised, taken at the step's middle; in the first step, and in the one to 0, this step's denoised
    itself.
    Source: C. Lu et al., arXiv 2211.01095, algorithm 2, with α = 1.
    """
    last: Tensor | None = None
    last_h = 0.0
    for sigma, following in pairwise(sigmas.tolist()):
        denoised = denoise(x, _levels(x, sigma))
        if following == 0:
            return denoised
        h = math.log(sigma / following)
        share = 0.0 if last is None else h / (2 * last_h)
        aimed_at = denoised if last is None else denoised + share * (denoised - last)
        x = following / sigma * x - math.expm1(-h) * aimed_at
        last, last_h = denoised, h
    return x


SAMPLERS: Mapping[str, Sampler] = {"euler": euler, "heun": heun, "dpmpp_2m": dpmpp_2m}


def _slope(denoise: Denoiser, x: Tensor, sigma: float) -> Tensor:
    return (x - denoise(x, _levels(x, sigma))) / sigma


def _levels(x: Tensor, sigma: float) -> Tensor:
    return x.new_full((len(x),), sigma)
