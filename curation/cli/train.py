"""`curation train`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curation.cli.options import (
    Address,
    Config,
    Device,
    DeviceName,
    Quiet,
    RecipeName,
    RecipeOverrides,
    Shards,
    Verbose,
)
from curation.interruption import INTERRUPTED

if TYPE_CHECKING:
    from models.diffusion.recipe import Recipe
    from models.diffusion.train.on_ray import Workers

NAME = "train"


def command(
    shards: Shards,
    recipe_name: RecipeName,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="DIR", help="Folder of checkpoints and the log.", show_default=False),
    ],
    config: Config = None,
    overrides: RecipeOverrides = None,
    device: Device = "auto",
    address: Address = None,
    workers: Annotated[
        str | None,
        typer.Option(metavar="N", help="With --address: processes, or least:most; else one for each GPU."),
    ] = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Train a latent video diffusion model on packed shards.

    The same command goes on from the last checkpoint in DIR. On several GPUs of this machine:
    `torchrun --nproc-per-node 8 --no-python curation train …`; on a Ray cluster: `--address`.

    Example: `curation train dataset/shards/lvd-f --recipe tiny --output runs/tiny --set training.steps=500`

    Exit status: 0 trained to the end; 2 the request cannot run; 130 stopped by Ctrl-C or SIGTERM, and saved.
    """
    from curation.cli.model_errors import telling_model_errors
    from curation.cli.needed_weights import require_weights
    from curation.config import load_config
    from curation.config.recipes import load_recipe
    from curation.errors import UserError
    from models.diffusion.output import refuse_unwritable
    from models.diffusion.recipe import Recipe

    if workers is not None and address is None:
        raise UserError("--workers: goes with --address; without a cluster, start processes with torchrun")
    recipe = load_recipe(load_config(config), recipe_name, Recipe, overrides or ())
    require_weights(recipe, recipe_name)
    with telling_model_errors():
        refuse_unwritable(output)
        if address is None:
            finished = _train_here(recipe, shards, output, device, quiet)
        else:
            finished = _train_on_ray(recipe, shards, output, device, address, workers, quiet, verbose)
    raise typer.Exit(0 if finished else INTERRUPTED)


def _train_here(recipe: Recipe, shards: list[str], output: Path, device: DeviceName, quiet: bool) -> bool:
    from curation.cli.train_screen import TrainScreen
    from models.diffusion.train.distributed import joined
    from models.diffusion.train.loop import train
    from models.diffusion.train.stopping import StopRequest

    with TrainScreen(quiet=quiet or os.environ.get("RANK", "0") != "0") as screen, joined(device) as world:
        if world.is_main:
            StopRequest(output).forget()
        if device == "auto" and world.device.type == "cpu":
            screen.warned("no GPU here: training on the CPU; --device cpu says that this is meant")
        return train(recipe, shards, output, world, screen)


def _train_on_ray(
    recipe: Recipe,
    shards: list[str],
    output: Path,
    device: DeviceName,
    address: str,
    workers: str | None,
    quiet: bool,
    verbose: bool,
) -> bool:
    from curation.cli.log_tail import LogTail
    from curation.cli.train_screen import TrainScreen
    from curation.engine.cluster import ray_session
    from curation.errors import UserError
    from models.diffusion.train.on_ray import train_on_ray

    os.environ.setdefault("RAY_TRAIN_V2_ENABLED", "1")
    with ray_session(address, verbose) as (_, gpus), TrainScreen(quiet=quiet) as screen:
        if device == "cuda" and not gpus:
            raise UserError(f"--device cuda: the cluster at {address} has no GPU")
        if device == "auto" and not gpus:
            screen.warned("no GPU in the cluster: training on CPUs; --device cpu says that this is meant")
        with LogTail(output, recipe.training.steps, screen):
            return train_on_ray(recipe, shards, output, _workers(workers, device != "cpu" and gpus > 0, int(gpus)))


def _workers(text: str | None, with_gpus: bool, gpus: int) -> Workers:
    from curation.errors import UserError
    from models.diffusion.train.on_ray import Workers

    if text is None:
        count = gpus if with_gpus else 1
        return Workers(count, count, with_gpus)
    least, _, most = text.partition(":")
    try:
        found = Workers(int(least), int(most or least), with_gpus)
    except ValueError:
        found = Workers(0, 0, with_gpus)
    if not 1 <= found.least <= found.most:
        raise UserError(f"--workers {text}: should be a number of processes (8), or the least and the most (4:8)")
    return found
