"""AdamW, its warm-up, and which weights it moves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn

from models.diffusion.errors import DiffusionError
from models.diffusion.train.parallel import whole
from models.diffusion.unet.model import is_temporal

Decay = Annotated[float, Field(ge=0, lt=1)]
Trainable = Literal["all", "spatial", "temporal", "time_embedding"]


class OptimizerSettings(BaseModel):
    """AdamW (arXiv 1711.05101) with a linear warm-up to a constant rate."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    learning_rate: float = Field(1e-4, gt=0, description="after the warm-up")
    warmup_steps: int = Field(1000, ge=0, description="steps over which the rate rises from zero")
    betas: tuple[Decay, Decay] = Field((0.9, 0.999), description="decay of the averages of gradient and its square")
    eps: float = Field(1e-8, gt=0, description="added to the root of the average square")
    weight_decay: float = Field(0.01, ge=0, description="decoupled weight decay")
    clip_norm: float | None = Field(1.0, gt=0, description="longest gradient, over all weights; null: any")
    trainable: Trainable = Field("all", description="which weights are trained; the others stay as they are")


def choose_trainable(network: nn.Module, trainable: Trainable, *, stills_only: bool = False) -> None:
    """Freeze every parameter that is not to be trained; ``stills_only``: the temporal layers are never used.

    Raises:
        DiffusionError: nothing would be left to train.
    """
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(_is_trained(name, trainable) and not (stills_only and is_temporal(name)))
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise DiffusionError(f"optimizer.trainable: {trainable}: there are no such weights that these data could train")


def make_optimizer(network: nn.Module, settings: OptimizerSettings) -> torch.optim.Optimizer:
    """AdamW over the parameters that are trained. Its rate is set before each step."""
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    return torch.optim.AdamW(
        trained,
        lr=settings.learning_rate,
        betas=settings.betas,
        eps=settings.eps,
        weight_decay=settings.weight_decay,
        fused=trained[0].is_cuda,
    )


def learning_rate(settings: OptimizerSettings, samples: int, batch_size: int) -> float:
    """The rate of the step that ends with ``samples`` samples seen: linear in samples up to the end of the warm-up."""
    warmup = settings.warmup_steps * batch_size
    return settings.learning_rate * (min(1.0, samples / warmup) if warmup else 1.0)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Use ``rate`` for the next step."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def clip_gradients(parameters: Iterable[nn.Parameter], longest: float | None) -> float:
    """Scale the gradients down to the norm ``longest``; returns their norm before, over all ranks."""
    trained = [parameter for parameter in parameters if parameter.grad is not None]
    norm = torch.nn.utils.clip_grad_norm_(trained, torch.inf if longest is None else longest)
    return float(whole(norm).item())


def _is_trained(name: str, trainable: Trainable) -> bool:
    if trainable == "time_embedding":
        return name.startswith("time_embedding.")
    return trainable == "all" or is_temporal(name) == (trainable == "temporal")
