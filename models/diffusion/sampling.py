"""From noise to latents: sampler, schedule, guidance and network put together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from torch import Tensor

from models.diffusion.edm import Net, Preconditioning
from models.diffusion.guidance import Guidance, Guided, Told
from models.diffusion.samplers import SAMPLERS
from models.diffusion.schedules import karras


class SamplingSettings(BaseModel):
    """How videos are sampled. Defaults: Stable Video Diffusion (arXiv 2311.15127, appendix D) for 14 frames."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    sampler: Literal["euler", "heun", "dpmpp_2m"] = Field("euler", description="how the ODE is solved")
    steps: int = Field(25, ge=1, le=1000, description="noise levels at which the network is evaluated (heun: twice)")
    sigma_min: float = Field(0.002, gt=0, description="lowest noise level before 0")
    sigma_max: float = Field(700.0, gt=0, description="highest noise level, where sampling starts")
    rho: float = Field(7.0, gt=0, description="the larger, the more of the steps are at low noise")
    guidance: str = Field("1.0:2.5", description="scale, or first and last frame's: 2.5, 1.0:2.5, none")

    @field_validator("guidance", mode="before")
    @classmethod
    def _as_written_by(cls, value: object) -> object:
        """A number in YAML is as good as its text."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        return str(Guidance.parse(value)) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _descends(self) -> SamplingSettings:
        if self.sigma_min > self.sigma_max:
            raise ValueError(f"sigma_min ({self.sigma_min}) is above sigma_max ({self.sigma_max})")
        return self

    @property
    def evaluations(self) -> int:
        """How often the denoiser is called."""
        return 2 * self.steps - 1 if self.sampler == "heun" else self.steps

    def sigmas(self) -> Tensor:
        """The noise levels, float64 [steps + 1], the last one 0."""
        return karras(self.steps, self.sigma_min, self.sigma_max, self.rho)


@torch.no_grad()
def sample_latents(
    preconditioning: Preconditioning,
    net: Net,
    noise: Tensor,
    settings: SamplingSettings,
    told: Told,
    told_nothing: Told,
    *,
    evaluated: Callable[[], None] = lambda: None,
) -> Tensor:
    """Latents like ``noise``, standard normal float32 [b, f, c, h, w].

    ``told``, ``told_nothing``: what the network is told, and what it is told for the prediction that guidance leads
    away from (`models.diffusion.conditioning`). ``evaluated``: called after each evaluation of the denoiser.
    """
    guided = Guided(preconditioning, net, Guidance.parse(settings.guidance), told, told_nothing)

    def denoise(x: Tensor, sigma: Tensor) -> Tensor:
        denoised = guided(x, sigma)
        evaluated()
        return denoised

    sigmas = settings.sigmas()
    return SAMPLERS[settings.sampler](denoise, noise * sigmas[0].item(), sigmas)
