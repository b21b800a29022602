"""Moving averages of the weights, with a power function or an exponential as their profile.

A power function of relative width σ_rel remembers a fixed share of the training so far. Of two such averages, kept as
snapshots now and then, one of any other width is made afterwards: `models.diffusion.ema_reconstruction`.
Source: T. Karras et al., "Analyzing and Improving the Training Dynamics of Diffusion Models" (EDM2), arXiv 2312.02696,
section 3 and appendix C.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Protocol

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from models.diffusion.errors import DiffusionError

WIDEST = 12**-0.5
"""σ_rel of the power function of exponent 0, the plain mean of all weights so far."""


class EmaSettings(BaseModel):
    """Which averages of the weights are kept. Stable Video Diffusion has one exponential, ``decay: [0.9999]``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sigma_rel: tuple[Annotated[float, Field(gt=0, lt=WIDEST)], ...] = Field(
        (0.05, 0.10), description="relative widths of power-function averages; two allow for any other afterwards"
    )
    decay: tuple[Annotated[float, Field(ge=0, lt=1)], ...] = Field(
        (), description="decays, per step, of exponential averages"
    )

    def profiles(self) -> list[Profile]:
        """The averages, in the order of the settings."""
        return [*map(PowerProfile, self.sigma_rel), *map(ExponentialProfile, self.decay)]


class Profile(Protocol):
    """How much past weights count in an average."""

    @property
    def name(self) -> str:
        """A name for files."""
        ...

    def share_of_new(self, samples_seen: int, batch: int) -> float:
        """1 − β: how far the average moves towards the weights after a step of ``batch`` samples.

        ``samples_seen``: with this step's.
        """
        ...


@dataclass(frozen=True)
class PowerProfile:
    """At time t the weights of time τ count as (γ + 1) τ^γ / t^(γ + 1)."""

    sigma_rel: float

    @property
    def name(self) -> str:
        """``0.050``, with more digits where it has them."""
        short = f"{self.sigma_rel:.3f}"
        return short if float(short) == self.sigma_rel else repr(self.sigma_rel)

    @property
    def exponent(self) -> float:
        """γ for which the profile's standard deviation is σ_rel t: the root of (γ + 2)² (γ + 3) σ_rel² = γ + 1."""
        inverse = self.sigma_rel**-2
        return float(np.roots([1, 7, 16 - inverse, 12 - inverse]).real.max())

    def share_of_new(self, samples_seen: int, batch: int) -> float:
        """1 − (1 − batch / samples_seen)^(γ + 1): 1 in the first step, which replaces what was there."""
        if samples_seen <= batch:
            return 1.0
        return -math.expm1((self.exponent + 1) * math.log1p(-batch / samples_seen))


@dataclass(frozen=True)
class ExponentialProfile:
    """Weights of n steps ago count as decay^n; the initial weights as one of these."""

    decay: float

    @property
    def name(self) -> str:
        """``decay-0.9999``."""
        return f"decay-{self.decay!r}"

    def share_of_new(self, samples_seen: int, batch: int) -> float:
        """1 − decay."""
        return 1 - self.decay


class Ema:
    """The averages of one model's weights, float32, on the weights' device (DTensors stay sharded as they are).

    Its state is the averages alone: what else an update needs is its arguments. So a training that is resumed goes on
    with the same bits.
    """

    def __init__(self, parameters: Mapping[str, Tensor], settings: EmaSettings) -> None:
        """``parameters``: the model's, by name; every average starts as a copy of them."""
        self._profiles = settings.profiles()
        self._averages = {
            profile.name: {name: value.detach().float().clone() for name, value in parameters.items()}
            for profile in self._profiles
        }

    @torch.no_grad()
    def update(self, parameters: Mapping[str, Tensor], samples_seen: int, batch: int) -> None:
        """Take in the weights after a step; ``batch``: samples of this step, ``samples_seen``: with these."""
        weights = {name: value.detach().float() for name, value in parameters.items()}
        for profile in self._profiles:
            average = self._averages[profile.name]
            torch._foreach_lerp_(
                [_here(value) for value in average.values()],
                [_here(weights[name]) for name in average],
                profile.share_of_new(samples_seen, batch),
            )

    def names(self) -> list[str]:
        """One for each average: ``0.050``, ``0.100``, ``decay-0.9999``."""
        return list(self._averages)

    def weights(self, name: str) -> dict[str, Tensor]:
        """The average of this name, by the parameters' names; not a copy."""
        return self._averages[name]

    def state_dict(self) -> dict[str, dict[str, Tensor]]:
        """All averages, by name; not copies."""
        return self._averages

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Take over, to the bit, what `state_dict` gave.

        Raises:
            DiffusionError: it is of other averages, or of another model.
        """
        if set(state) != set(self._averages):
            raise DiffusionError(
                f"the checkpoint holds the averages {sorted(state)}, but the recipe asks for {self.names()}; "
                "resume with the same ema settings"
            )
        for average, saved in ((self._averages[name], saved) for name, saved in state.items()):
            if {name: value.shape for name, value in average.items()} != {name: v.shape for name, v in saved.items()}:
                raise DiffusionError("the averages of the checkpoint are of a model of another shape")
            for name, value in saved.items():
                average[name].copy_(value)


def _here(value: Tensor) -> Tensor:
    """This process's piece, not a copy. For an operation on 1300 DTensors at once torch thinks for seconds before it
    does it for the first time."""
    from torch.distributed.tensor import DTensor

    return value.to_local() if isinstance(value, DTensor) else value
