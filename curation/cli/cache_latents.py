"""`curation cache-latents`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import typer

from curation.cli.options import Config, Device, Quiet, RecipeName, RecipeOverrides, Shards
from curation.counted import counted

if TYPE_CHECKING:
    import torch

    from models.diffusion.data.cache import Cached, LatentCache, Models
    from models.diffusion.recipe import Recipe

NAME = "cache-latents"


def command(
    shards: Shards,
    recipe_name: RecipeName,
    config: Config = None,
    overrides: RecipeOverrides = None,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Encode clips and captions ahead of a training, once, beside the shards: SHARDS/latents/.

    A training with the same autoencoder, encoders, sizes, rates and shards finds them; with others it decodes, and says
    so. A run that was stopped goes on with the same command. On several GPUs:
    `torchrun --nproc-per-node 8 --no-python curation cache-latents …`.

    Example: `curation cache-latents dataset/shards/lvd-f --recipe video`

    Exit status: 0 all done; 1 some clips could not be read; 2 the request cannot run.
    """
    from curation.cli.model_errors import telling_model_errors
    from curation.cli.needed_weights import require_weights
    from curation.config import load_config
    from curation.config.recipes import load_recipe
    from curation.errors import UserError
    from models.diffusion.data.cache import LatentCache
    from models.diffusion.device import choose_device
    from models.diffusion.recipe import Recipe

    part, parts = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    recipe = load_recipe(load_config(config), recipe_name, Recipe, overrides or ())
    if recipe.needs_pixels is not None:
        raise UserError(recipe.needs_pixels)
    require_weights(recipe, recipe_name, ("autoencoder", "text_encoder", "image_encoder"))
    with telling_model_errors():
        models = _load(recipe, choose_device(device, int(os.environ.get("LOCAL_RANK", part))))
        caches = [LatentCache(url, recipe.data, models, part=part, parts=parts) for url in shards]
        quiet = quiet or part > 0
        results = [_write(cache, url, quiet) for cache, url in zip(caches, shards, strict=True)]
    if not quiet:
        for result in results:
            _print(result)
    raise typer.Exit(1 if any(result.broken for result in results) else 0)


def _load(recipe: Recipe, device: torch.device) -> Models:
    """The encoders that the recipe trains with."""
    from models.diffusion.autoencoder import load_autoencoder
    from models.diffusion.data.cache import Models
    from models.diffusion.text_encoder import load_image_encoder, load_text_encoder

    autoencoder = load_autoencoder(recipe.autoencoder, device)
    if recipe.conditioning.context == "image":
        return Models(autoencoder, image=load_image_encoder(recipe.image_encoder, device))
    return Models(autoencoder, text=load_text_encoder(recipe.text_encoder, device))


def _write(cache: LatentCache, url: str, quiet: bool) -> Cached:
    from curation.cli.live_bar import LiveBar

    with LiveBar(url, quiet=quiet, transient=True) as bar:
        bar.start()
        return cache.write(lambda clips, total: bar.update(clips, f"{url}: {clips:,}/{total:,} clips", total=total))


def _print(result: Cached) -> None:
    from curation.cli.console import table_console

    console = table_console()
    if not result.clips:
        there = "all latents are there already" if result.is_whole else "its part is done; others are not yet"
    else:
        there = f"latents of {counted(result.clips, 'clip')} written"
        if not result.is_whole:
            there += "; whole once all processes are done"
    console.print(f"{result.folder}: {there}", markup=False, soft_wrap=True)
    if result.broken:
        console.print(f"{counted(result.broken, 'clip')} could not be read: a training does without", markup=False)
