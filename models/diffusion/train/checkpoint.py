"""Saving a training and going on with it, to the bit."""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed.checkpoint as dcp
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict, set_optimizer_state_dict
from torch.distributed.tensor import DTensor, distribute_tensor

from models.diffusion.conditioning import Conditioning
from models.diffusion.ema import Ema
from models.diffusion.errors import DiffusionError
from models.diffusion.recipe import Recipe
from models.diffusion.train.distributed import World
from models.diffusion.train.folder import (
    CONDITIONING,
    CONFIG_NAME,
    EMA,
    RECIPE,
    STATE,
    UNET,
    WEIGHTS_NAME,
    Checkpoint,
    begin,
    prune,
    publish,
    writing,
)
from models.diffusion.train.parallel import unwrapped, whole_on_cpu
from models.diffusion.train.state import TrainState

_OPTIMIZER = "optimizer"


class SaveError(DiffusionError):
    """A checkpoint could not be written; those that were there are untouched."""


@dataclass(frozen=True)
class Training:
    """Everything that changes while a model is trained. ``network`` is wrapped for several processes where there are."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    ema: Ema
    state: TrainState

    def parameters(self) -> dict[str, nn.Parameter]:
        """The weights by the names that they have in a checkpoint."""
        return dict(unwrapped(self.network).named_parameters())


def save(
    training: Training,
    output: Path,
    world: World,
    recipe: Recipe,
    conditioning: Conditioning,
    data: Mapping[str, Any],
) -> None:
    """Write a checkpoint, whole or not at all; every rank must call. ``data``: what the shards were, for complete.json.

    Raises:
        SaveError: the disk is full, or cannot be written to. Older checkpoints stay.
    """
    state = training.state
    aside = writing(output, state.samples)
    hashes: dict[str, str] = {}
    weights = whole_on_cpu(training.parameters(), world)

    def write_network() -> None:
        begin(aside)
        config = json.dumps(unwrapped(training.network).config.to_diffusers(), indent=2)
        _write(weights, aside / UNET / WEIGHTS_NAME, hashes, aside)
        (aside / UNET / CONFIG_NAME).write_text(config + "\n", encoding="utf-8")
        conditioning.save(aside / CONDITIONING)
        recipe.save(aside / RECIPE)

    _on_main(write_network, world, output, aside)
    for name in training.ema.names():
        average = whole_on_cpu(training.ema.weights(name), world)
        write_average = partial(_write, average, aside / EMA / f"{name}.safetensors", hashes, aside)
        _on_main(write_average, world, output, aside)
    optimizer = get_optimizer_state_dict(training.network, training.optimizer)
    problem = None
    try:
        dcp.save({_OPTIMIZER: optimizer}, checkpoint_id=aside / STATE, process_group=world.control)
    except (OSError, CheckpointException) as error:
        problem = _reason(error)
    _stop_at(problem, world, output, aside)

    def finish() -> None:
        publish(aside, output, {**state.to_dict(), "data": dict(data), "sha256": hashes})
        prune(output, recipe.checkpoints)

    _on_main(finish, world, output, aside)


def restore(training: Training, checkpoint: Checkpoint, world: World) -> None:
    """Take over the optimizer's state, the averages and the counters of a checkpoint; every rank must call.

    The weights themselves are loaded before the network is wrapped: `load_weights`.

    Raises:
        DiffusionError: the checkpoint is damaged, or of another shape.
    """
    averages: dict[str, dict[str, torch.Tensor]] = {}
    for name in training.ema.names():
        saved = load_weights(checkpoint.average(name))
        averages[name] = {
            key: _sharded_like(value, saved.get(key)) for key, value in training.ema.weights(name).items()
        }
    training.ema.load_state_dict(averages)
    state = {_OPTIMIZER: get_optimizer_state_dict(training.network, training.optimizer)}
    try:
        dcp.load(state, checkpoint_id=checkpoint.state, process_group=world.control)
    except (OSError, CheckpointException, ValueError, RuntimeError) as error:
        raise DiffusionError(f"{checkpoint.state}: the optimizer's state cannot be read: {_reason(error)}") from error
    set_optimizer_state_dict(training.network, training.optimizer, state[_OPTIMIZER])
    training.state.samples, training.state.steps = checkpoint.samples, checkpoint.steps


def load_weights(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file.

    Raises:
        DiffusionError: it is missing or damaged.
    """
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise DiffusionError(f"{path}: cannot be read as safetensors: {_reason(error)}") from error


def _sharded_like(mine: torch.Tensor, saved: torch.Tensor | None) -> torch.Tensor:
    if saved is None or saved.shape != mine.shape:
        raise DiffusionError("the averages of the checkpoint are of a model of another shape")
    if isinstance(mine, DTensor):
        return distribute_tensor(saved.to(mine.device), mine.device_mesh, mine.placements)
    return saved


def _write(tensors: Mapping[str, torch.Tensor], path: Path, hashes: dict[str, str], root: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(dict(tensors), path, metadata={"format": "pt"})
    with path.open("rb") as file:
        hashes[path.relative_to(root).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()


def _on_main(do: Callable[[], None], world: World, output: Path, aside: Path) -> None:
    """Do it on the main rank; where it fails, every rank stops."""
    problem = None
    if world.is_main:
        try:
            do()
        except (OSError, SafetensorError) as error:
            problem = _reason(error)
    _stop_at(problem, world, output, aside)


def _stop_at(problem: str | None, world: World, output: Path, aside: Path) -> None:
    problem = world.agree(problem)
    if problem is None:
        return
    if world.is_main:
        shutil.rmtree(aside, ignore_errors=True)
    raise SaveError(
        f"{output}: the checkpoint could not be written: {problem}; the ones before it are whole: make room and give "
        "the same command again"
    )


def _reason(error: BaseException) -> str:
    """The first line of what went wrong; a full disk by its name, however deep it is wrapped."""
    texts = [str(error), *(str(inner) for inner in getattr(error, "failures", {}).values())]
    full = (errno.ENOSPC, errno.EDQUOT)
    if getattr(error, "errno", None) in full or any("No space left" in text or "os error 28" in text for text in texts):
        return "the disk is full"
    return next((line.strip() for text in texts for line in text.splitlines() if line.strip()), type(error).__name__)
