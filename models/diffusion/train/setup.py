"""Putting a training together: data, frozen encoders, network, optimizer, averages, from scratch or a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn

from models.diffusion.autoencoder import autoencoder_identity, load_autoencoder
from models.diffusion.conditioning import Conditioning
from models.diffusion.data import Encoders, TrainingData
from models.diffusion.ema import Ema
from models.diffusion.errors import DiffusionError
from models.diffusion.motion_buckets import MotionBuckets
from models.diffusion.recipe import Recipe
from models.diffusion.text_encoder import (
    ImageEncoder,
    TextEncoder,
    image_identity,
    load_image_encoder,
    load_text_encoder,
    text_identity,
)
from models.diffusion.train.checkpoint import Training, load_weights, restore, verify
from models.diffusion.train.compatible import check_fits
from models.diffusion.train.distributed import World
from models.diffusion.train.folder import CONDITIONING, WEIGHTS_NAME, Checkpoint, whole_checkpoints
from models.diffusion.train.objective import Objective
from models.diffusion.train.optimizer import choose_trainable, make_optimizer
from models.diffusion.train.parallel import parallel, unwrapped
from models.diffusion.train.start import buckets_at_start, load_start
from models.diffusion.train.state import TrainState
from models.diffusion.train.watcher import Watcher
from models.diffusion.unet.flops import flops
from models.diffusion.unet.inflate import start_as_identity
from models.diffusion.unet.model import VideoUNet


@dataclass(frozen=True)
class Job:
    """A training that is ready for its next step.

    ``parts_per_step``: micro-batches of one rank; ``about``: facts for a person; ``data_facts``: what the shards are,
    for checkpoints.
    """

    recipe: Recipe
    training: Training
    objective: Objective
    data: TrainingData
    parts_per_step: int
    about: Mapping[str, str]
    data_facts: Mapping[str, Any]

    @cached_property
    def forward_flops(self) -> int:
        """Of the network for one sample; counting takes seconds."""
        assert self.objective.autoencoder is not None
        height, width = (side // self.objective.autoencoder.factor for side in self.recipe.data.size)
        context_length = self.objective.conditioning.null_context.shape[1]
        return flops(self.recipe.unet, self.recipe.data.frames, height, width, context_length)


def set_up(recipe: Recipe, shards: Sequence[str], output: Path, world: World, watcher: Watcher) -> Job:
    """Read the newest checkpoint in ``output``, or begin; every rank calls it.

    Raises:
        DiffusionError: see `models.diffusion.train.loop.train`.
    """
    parts, micro_batch = accumulation(recipe, world.size)
    checkpoint = next(reversed(whole_checkpoints(output)), None)
    data = TrainingData(
        recipe.data,
        shards,
        seed=recipe.seed,
        batch_size=micro_batch,
        world_size=world.size,
        rank=world.rank,
        group_size=recipe.training.batch_size,
        encoders=_identities(recipe),
        needs_pixels=recipe.needs_pixels,
    )
    _say(world, watcher, "loading the autoencoder and the encoders")
    autoencoder = load_autoencoder(recipe.autoencoder, world.device)
    text_encoder, image_encoder = _encoders(recipe, world.device)
    conditioning = _conditioning(recipe, data, checkpoint, _null_context(text_encoder, image_encoder))
    recipe = recipe.model_copy(
        update={"unet": recipe.unet_config(autoencoder.channels, conditioning.null_context.shape[2])}
    )
    if checkpoint is not None:
        check_fits(recipe, checkpoint)
        verify(checkpoint, world)
    _say(world, watcher, "building the network")
    network = _network(recipe, checkpoint)
    training = _training(network, recipe, world)
    if checkpoint is not None:
        restore(training, checkpoint, world)
    objective = Objective(
        noise=recipe.noise,
        conditioning=conditioning,
        autoencoder=autoencoder,
        text_encoder=text_encoder,
        image_encoder=image_encoder,
        seed=recipe.seed,
        device=world.device,
        bf16=recipe.training.precision == "bf16",
        stills_only=_stills_only(recipe),
    )
    facts = {"shards": list(shards), "manifest_sha256": data.manifest_sha256}
    about = _about(recipe, world, data, network, checkpoint, parts, micro_batch)
    return Job(recipe, training, objective, data, parts, about, facts)


def accumulation(recipe: Recipe, processes: int) -> tuple[int, int]:
    """Micro-batches of one of so many processes in a step, and samples in each.

    Raises:
        DiffusionError: the batch cannot be dealt evenly.
    """
    batch, micro = recipe.training.batch_size, recipe.training.micro_batch_size
    if micro is None:
        micro = max(batch // processes, 1)
    if batch % (micro * processes):
        raise DiffusionError(
            f"training.batch_size {batch} cannot be dealt to {processes} processes in micro-batches of {micro}: it "
            f"should be a multiple of {micro * processes}"
        )
    return batch // (micro * processes), micro


def _network(recipe: Recipe, checkpoint: Checkpoint | None) -> VideoUNet:
    """The same on every rank. Temporal layers that are not read from anywhere begin as the identity."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network = VideoUNet(recipe.unet)
    start_as_identity(network)
    if checkpoint is not None:
        network.load_state_dict(load_weights(checkpoint.unet / WEIGHTS_NAME))
    elif recipe.start.checkpoint is not None:
        load_start(network, recipe.start, recipe.conditioning)
    return network


def _training(network: VideoUNet, recipe: Recipe, world: World) -> Training:
    settings = recipe.training
    network.to(world.device)
    if world.device.type == "cuda" and settings.parallel != "fsdp":
        network.weights_to_channels_last()
    choose_trainable(network, recipe.optimizer.trainable, stills_only=_stills_only(recipe))
    wrapped = parallel(network, network.wrap_units(), world, settings.parallel, settings.precision == "bf16")
    if settings.compile:
        wrapped.compile()
    ema = Ema(dict(unwrapped(wrapped).named_parameters()), recipe.ema)
    return Training(wrapped, make_optimizer(wrapped, recipe.optimizer), ema, TrainState())


def _stills_only(recipe: Recipe) -> bool:
    """A single frame: the temporal layers have nothing to do, and nothing to learn."""
    return max(recipe.data.lengths) == 1


def _identities(recipe: Recipe) -> Encoders:
    of_text = recipe.conditioning.context == "text"
    return Encoders(
        autoencoder=autoencoder_identity(recipe.autoencoder),
        text=text_identity(recipe.text_encoder) if of_text else None,
        image=None if of_text else image_identity(recipe.image_encoder),
    )


def _encoders(recipe: Recipe, device: torch.device) -> tuple[TextEncoder | None, ImageEncoder | None]:
    if recipe.conditioning.context == "text":
        return load_text_encoder(recipe.text_encoder, device), None
    return None, load_image_encoder(recipe.image_encoder, device)


def _null_context(text_encoder: TextEncoder | None, image_encoder: ImageEncoder | None) -> torch.Tensor:
    if text_encoder is not None:
        return text_encoder.encode([""]).float()
    assert image_encoder is not None
    return torch.zeros(1, 1, image_encoder.width)


def _conditioning(
    recipe: Recipe, data: TrainingData, checkpoint: Checkpoint | None, null_context: torch.Tensor
) -> Conditioning:
    """The buckets of motion are made once: they stay when shards are added, and in a stage that starts from another."""
    settings = recipe.conditioning
    buckets = None
    if checkpoint is not None:
        buckets = Conditioning.load(checkpoint.path / CONDITIONING, null_context).buckets
    elif settings.motion_bucket:
        buckets = buckets_at_start(recipe.start, settings) or MotionBuckets.of(
            data.motion_scores(), settings.motion_buckets
        )
    return Conditioning(settings, buckets, null_context)


def _about(
    recipe: Recipe,
    world: World,
    data: TrainingData,
    network: nn.Module,
    checkpoint: Checkpoint | None,
    parts: int,
    micro_batch: int,
) -> dict[str, str]:
    count = sum(parameter.numel() for parameter in network.parameters())
    what = "one process" if world.size == 1 else f"{world.size} processes ({recipe.training.parallel})"
    name = torch.cuda.get_device_name(world.device) if world.device.type == "cuda" else "CPU"
    return {
        "network": f"{count / 1e6:.1f}M parameters",
        "devices": f"{what}, {name}, {recipe.training.precision}",
        "batch": f"{recipe.training.batch_size} = {world.size} × {parts} × {micro_batch}",
        "data": data.about,
        "begins": _beginning(recipe, checkpoint),
    }


def _beginning(recipe: Recipe, checkpoint: Checkpoint | None) -> str:
    if checkpoint is not None:
        return f"goes on from step {checkpoint.steps}"
    return "from random weights" if recipe.start.checkpoint is None else f"from {recipe.start.checkpoint}"


def _say(world: World, watcher: Watcher, what: str) -> None:
    if world.is_main:
        watcher.working(what)
