"""A discrete image model (Stable Diffusion and its kin) read as a denoiser D(x; σ) of the EDM formulation.

Such a model was trained on x_t = √ᾱ_t y + √(1 − ᾱ_t) ε for whole timesteps t. With σ_t = √((1 − ᾱ_t) / ᾱ_t) this is
x_t = c_in (y + σ_t ε), c_in = 1 / √(1 + σ_t²): the noise of EDM in other units. Between the timesteps ln σ is taken as
linear.
Source: arXiv 2206.00364, table 1, column VP, and appendix C; v-prediction: arXiv 2202.00512, appendix D.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor

from models.diffusion.edm import Preconditioning
from models.diffusion.errors import DiffusionError

_COSINE_OFFSET = 0.008
_LARGEST_COSINE_BETA = 0.999


class DiscreteSettings(BaseModel):
    """What diffusers' ``scheduler_config.json`` says of training; its keys for sampling are passed over.

    Defaults are diffusers' own for keys that a file lacks.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    num_train_timesteps: int = Field(1000, ge=2, description="number of discrete noise levels")
    beta_start: float = Field(0.0001, gt=0, lt=1, description="β of the first timestep")
    beta_end: float = Field(0.02, gt=0, lt=1, description="β of the last timestep")
    beta_schedule: Literal["linear", "scaled_linear", "squaredcos_cap_v2"] = Field(
        "linear", description="how β rises: itself, its root, or so that ᾱ follows a cosine"
    )
    trained_betas: tuple[float, ...] | None = Field(
        None, description="β of every timestep; then the above do not count"
    )
    prediction_type: Literal["epsilon", "v_prediction"] = Field("epsilon", description="what the network says")
    rescale_betas_zero_snr: Literal[False] = Field(
        False, description="the last timestep is noise alone: its σ is infinite"
    )

    @classmethod
    def from_file(cls, path: Path) -> DiscreteSettings:
        """Read ``scheduler_config.json``.

        Raises:
            DiffusionError: it cannot be read, or says what is not supported.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise DiffusionError(f"{path}: cannot be read: {error.strerror}") from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the file"
            raise DiffusionError(
                f"{path}: {where}: {first['msg']}; give the scheduler_config.json of the model"
            ) from error

    def sigmas(self) -> Tensor:
        """σ_t of every timestep, ascending, float64 [t]."""
        kept = (1 - torch.tensor(self._betas(), dtype=torch.float64)).cumprod(dim=0)
        return ((1 - kept) / kept).sqrt()

    def _betas(self) -> Sequence[float]:
        count = self.num_train_timesteps
        if self.trained_betas is not None:
            return self.trained_betas
        if self.beta_schedule == "squaredcos_cap_v2":
            times = torch.linspace(0, 1, count + 1, dtype=torch.float64)
            kept = ((times + _COSINE_OFFSET) / (1 + _COSINE_OFFSET) * torch.pi / 2).cos().square()
            return (1 - kept[1:] / kept[:-1]).clamp_max(_LARGEST_COSINE_BETA).tolist()
        if self.beta_schedule == "scaled_linear":
            roots = torch.linspace(self.beta_start**0.5, self.beta_end**0.5, count, dtype=torch.float64)
            return roots.square().tolist()
        return torch.linspace(self.beta_start, self.beta_end, count, dtype=torch.float64).tolist()


class Discrete(Preconditioning):
    """The preconditioning under which a discrete model's network, as it is, gives its own prediction of the clean data.

    Of a v-prediction model it differs from `EDM` with σ_data = 1 in c_noise alone: so its weights go on under `EDM`
    once the time embedding has learned ¼ ln σ, the first step of arXiv 2311.15127, appendix D.
    """

    def __init__(self, settings: DiscreteSettings) -> None:
        self.settings = settings
        self._log_sigmas = settings.sigmas().log()

    @property
    def sigma_min(self) -> float:
        """The noise level of timestep 0."""
        return float(self._log_sigmas[0].exp())

    @property
    def sigma_max(self) -> float:
        """The noise level of the last timestep."""
        return float(self._log_sigmas[-1].exp())

    def timestep(self, sigma: Tensor) -> Tensor:
        """The timestep, whole or not, at noise levels [b], float32 [b]; the first or last one beyond the model's
        range."""
        levels = self._log_sigmas.to(sigma.device)
        wanted = sigma.double().log()
        above = torch.searchsorted(levels, wanted).clamp(1, len(levels) - 1)
        low, high = levels[above - 1], levels[above]
        return (above - 1 + ((wanted - low) / (high - low)).clamp(0, 1)).float()

    def sigma(self, timestep: Tensor) -> Tensor:
        """The noise level at timesteps [b], whole or not, within the model's range; float32 [b]."""
        levels = self._log_sigmas.to(timestep.device)
        below = timestep.long().clamp(0, len(levels) - 2)
        return torch.lerp(levels[below], levels[below + 1], timestep.double() - below).exp().float()

    def c_skip(self, sigma: Tensor) -> Tensor:
        """1 for ε-prediction, 1 / (σ² + 1) for v-prediction."""
        return torch.ones_like(sigma) if self._predicts_noise else 1 / (sigma**2 + 1)

    def c_out(self, sigma: Tensor) -> Tensor:
        """−σ for ε-prediction, −σ / √(σ² + 1) for v-prediction."""
        return -sigma if self._predicts_noise else -sigma / (sigma**2 + 1).sqrt()

    def c_in(self, sigma: Tensor) -> Tensor:
        """1 / √(σ² + 1)."""
        return 1 / (sigma**2 + 1).sqrt()

    def c_noise(self, sigma: Tensor) -> Tensor:
        """The timestep."""
        return self.timestep(sigma)

    @property
    def _predicts_noise(self) -> bool:
        return self.settings.prediction_type == "epsilon"
