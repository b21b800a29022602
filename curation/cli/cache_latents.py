"""`curation cache-latents`."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from curation.cli.options import Config, Quiet

if TYPE_CHECKING:
    from models.diffusion.data.cache import Cached, LatentCache, Models
    from models.diffusion.recipe import Recipe

NAME = "cache-latents"
LINE_EVERY_S = 30.0


def command(
    shards: Annotated[
        list[str], typer.Argument(metavar="SHARDS…", help="Folders or URLs of packed shards.", show_default=False)
    ],
    recipe_name: Annotated[
        str, typer.Option("--recipe", "-r", metavar="NAME", help="Recipe that will train on them.", show_default=False)
    ],
    config: Config = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a value of the recipe; can be repeated."),
    ] = None,
    device: Annotated[
        Literal["auto", "cpu", "cuda"], typer.Option(help="What to compute on; auto: a GPU where there is one.")
    ] = "auto",
    quiet: Quiet = False,
) -> None:
    """Encode clips and captions ahead of a training, once, beside the shards: SHARDS/latents/.

    A training with the same autoencoder, encoders, sizes, rates and shards finds them; with others it decodes, and says
    so. A run that was stopped goes on with the same command. On several GPUs:
    `torchrun --nproc-per-node 8 --no-python curation cache-latents …`.

    Example: `curation cache-latents dataset/shards/lvd-f --recipe video`

    Exit status: 0 all done; 1 some clips could not be read; 2 the request cannot run.
    """
    from curation.config import load_config
    from curation.config.recipes import load_recipe
    from curation.errors import UserError
    from models.diffusion.data.cache import LatentCache
    from models.diffusion.errors import DiffusionError
    from models.diffusion.recipe import Recipe

    part, parts = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    recipe = load_recipe(load_config(config), recipe_name, Recipe, overrides or ())
    try:
        models = _load(recipe, _device(device, part))
        caches = [LatentCache(url, recipe.data, models, part=part, parts=parts) for url in shards]
        quiet = quiet or part > 0
        results = [_write(cache, url, quiet) for cache, url in zip(caches, shards, strict=True)]
    except DiffusionError as error:
        raise UserError(str(error)) from error
    if not quiet:
        for result in results:
            _print(result)
    raise typer.Exit(1 if any(result.broken for result in results) else 0)


def _device(wanted: Literal["auto", "cpu", "cuda"], part: int) -> str:
    """Raises UserError: a GPU was asked for and there is none."""
    import torch

    from curation.errors import UserError

    if wanted == "cpu" or (wanted == "auto" and not torch.cuda.is_available()):
        return "cpu"
    if not torch.cuda.is_available():
        raise UserError("--device cuda: no GPU of CUDA here; --device cpu computes without one")
    return f"cuda:{int(os.environ.get('LOCAL_RANK', part))}"


def _load(recipe: Recipe, device: str) -> Models:
    """The encoders that the recipe trains with."""
    from models.diffusion.autoencoder import load_autoencoder
    from models.diffusion.data.cache import Models
    from models.diffusion.text_encoder import load_image_encoder, load_text_encoder

    autoencoder = load_autoencoder(recipe.autoencoder, device)
    if recipe.conditioning.context == "image":
        return Models(autoencoder, image=load_image_encoder(recipe.image_encoder, device))
    return Models(autoencoder, text=load_text_encoder(recipe.text_encoder, device))


def _write(cache: LatentCache, url: str, quiet: bool) -> Cached:
    """With a live bar on a terminal, a line every half minute elsewhere, nothing where ``quiet``."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True, quiet=quiet)
    live = console.is_terminal and not quiet
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bar = Progress(*columns, TimeRemainingColumn(), console=console, transient=True)
    task = bar.add_task(url, total=None)
    last_line = time.monotonic()

    def done(clips: int, total: int) -> None:
        nonlocal last_line
        bar.update(task, completed=clips, total=total)
        if not live and time.monotonic() - last_line > LINE_EVERY_S:
            last_line = time.monotonic()
            console.print(f"{url}: {clips:,}/{total:,} clips", markup=False, soft_wrap=True)

    if not live:
        return cache.write(done)
    with bar:
        return cache.write(done)


def _print(result: Cached) -> None:
    from curation.cli.console import table_console

    console = table_console()
    if not result.clips:
        there = "all latents are there already" if result.is_whole else "its part is done; others are not yet"
    else:
        there = f"latents of {result.clips:,} clips written"
        if not result.is_whole:
            there += "; whole once all processes are done"
    console.print(f"{result.folder}: {there}", markup=False, soft_wrap=True)
    if result.broken:
        console.print(f"{result.broken:,} clips could not be read: a training passes over them", markup=False)
