"""Saving a training and going on with it, to the bit."""

from __future__ import annotations

import hashlib
import json
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict, set_optimizer_state_dict
from torch.distributed.checkpoint.state_dict_loader import load as load_sharded
from torch.distributed.checkpoint.state_dict_saver import save as save_sharded
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
    checked_digest,
    prune,
    publish,
    read_complete,
    writing,
)
from models.diffusion.train.parallel import unwrapped, whole_on_cpu
from models.diffusion.train.state import TrainState
from models.diffusion.train.writing import SaveError, check, on_main, reason

_OPTIMIZER = "optimizer"
_METADATA = ".metadata"  # as torch.distributed.checkpoint calls it


@dataclass(frozen=True)
class Training:
    """Everything that changes while a model is trained; ``network`` is wrapped where several processes share it."""

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
    aside = writing(output, training.state.samples)
    try:
        hashes = _write_weights(training, aside, world, recipe, conditioning)
        _write_optimizer(training, aside, world)
        told = {**training.state.to_dict(), "data": dict(data), "sha256": hashes}
        on_main(partial(publish, aside, output, told), str(aside), world)
    except SaveError:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    on_main(lambda: prune(output, recipe.checkpoints), str(output), world)


def _write_weights(
    training: Training, aside: Path, world: World, recipe: Recipe, conditioning: Conditioning
) -> dict[str, str]:
    """Everything that a sampler needs; returns the hashes of the tensor files."""
    hashes: dict[str, str] = {}

    def write_tensors(tensors: Mapping[str, torch.Tensor], name: str) -> None:
        path = aside / name
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(dict(tensors), path, metadata={"format": "pt"})
        with path.open("rb") as file:
            hashes[name] = hashlib.file_digest(file, "sha256").hexdigest()

    def write_settings() -> None:
        begin(aside)
        (aside / UNET).mkdir()
        config = json.dumps(unwrapped(training.network).config.to_diffusers(), indent=2)
        (aside / UNET / CONFIG_NAME).write_text(config + "\n", encoding="utf-8")
        conditioning.save(aside / CONDITIONING)
        recipe.save(aside / RECIPE)

    on_main(write_settings, str(aside), world)
    weights = whole_on_cpu(training.parameters(), world)
    on_main(partial(write_tensors, weights, f"{UNET}/{WEIGHTS_NAME}"), str(aside), world)
    for name in training.ema.names():
        weights = whole_on_cpu(training.ema.weights(name), world)
        on_main(partial(write_tensors, weights, f"{EMA}/{name}.safetensors"), str(aside), world)
    return hashes


def _write_optimizer(training: Training, aside: Path, world: World) -> None:
    """Each rank its own part."""
    state = {_OPTIMIZER: get_optimizer_state_dict(training.network, training.optimizer)}
    problem = None
    try:
        with _alone_or_not():
            save_sharded(state, checkpoint_id=aside / STATE, process_group=world.control, no_dist=world.control is None)
    except (OSError, CheckpointException) as error:
        problem = reason(error)
    check(problem, str(aside), world)


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
    if not (checkpoint.state / _METADATA).is_file():
        raise DiffusionError(f"{checkpoint.state}: the optimizer's state is not there ({_METADATA} is missing)")
    state = {_OPTIMIZER: get_optimizer_state_dict(training.network, training.optimizer)}
    alone = world.control is None
    try:
        with _alone_or_not():
            load_sharded(state, checkpoint_id=checkpoint.state, process_group=world.control, no_dist=alone)
    except (OSError, CheckpointException, ValueError, RuntimeError) as error:
        raise DiffusionError(f"{checkpoint.state}: the optimizer's state cannot be read: {reason(error)}") from error
    set_optimizer_state_dict(training.network, training.optimizer, state[_OPTIMIZER])
    training.state.samples, training.state.steps = checkpoint.samples, checkpoint.steps


def verify(checkpoint: Checkpoint, world: World) -> None:
    """Compare weights and averages with the hashes that were written down; every rank must call.

    Raises:
        DiffusionError: on every rank, where a file is not the one that was written.
    """
    problem = None
    if world.is_main:
        try:
            for name in (read_complete(checkpoint.path) or {}).get("sha256", {}):
                checked_digest(checkpoint, name)
        except DiffusionError as error:
            problem = str(error)
    world.refuse(problem)


def load_weights(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file.

    Raises:
        DiffusionError: it is missing or damaged.
    """
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise DiffusionError(f"{path}: cannot be read as safetensors: {reason(error)}") from error


@contextmanager
def _alone_or_not() -> Iterator[None]:
    """A single process need not be told that it is one."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.distributed is disabled")
        yield


def _sharded_like(mine: torch.Tensor, saved: torch.Tensor | None) -> torch.Tensor:
    if saved is None or saved.shape != mine.shape:
        raise DiffusionError("the averages of the checkpoint are of a model of another shape")
    if isinstance(mine, DTensor):
        return distribute_tensor(saved.to(mine.device), mine.device_mesh, mine.placements)
    return saved
