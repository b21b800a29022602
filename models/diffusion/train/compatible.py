"""Whether a checkpoint is of the training that a recipe asks for."""

from __future__ import annotations

from typing import Any

from models.diffusion.errors import DiffusionError
from models.diffusion.recipe import Recipe
from models.diffusion.train.folder import RECIPE, Checkpoint

# Anything else may change while a training goes on: its length, rate, batch, data, validation.
_FIXED = ("seed", "unet", "conditioning", "noise.sigma_data", "autoencoder", "ema", "optimizer.trainable")
_ENCODERS = {"text": "text_encoder", "image": "image_encoder"}
_HOW = {
    "activation_checkpointing",
    "num_frames",
    "drop",
    "dtype",
    "frames_per_pass",
    "texts_per_pass",
    "images_per_pass",
    "download",
    "cache_dir",
}


def check_fits(recipe: Recipe, checkpoint: Checkpoint) -> None:
    """Raises:
    DiffusionError: the checkpoint was trained with another network, conditioning or encoder, other weights were trained
        or other averages kept; the first key that differs is named with both values.
    """
    then = Recipe.load(checkpoint.path / RECIPE).model_dump(mode="json")
    now = recipe.model_dump(mode="json")
    for part in (*_FIXED, _ENCODERS[recipe.conditioning.context]):
        difference = _first_difference(_at(then, part), _at(now, part), part)
        if difference is not None:
            key, old, new = difference
            raise DiffusionError(
                f"{checkpoint.path}: a checkpoint of another training: {key} is {old} there and {new} in the recipe; "
                "train into another --output (start.checkpoint begins with these weights), or with the recipe that "
                "the checkpoint was made with (recipe.json in it)"
            )


def _at(values: Any, path: str) -> Any:
    for key in path.split("."):
        values = values[key]
    return values


def _first_difference(then: Any, now: Any, path: str) -> tuple[str, Any, Any] | None:
    if isinstance(then, dict) and isinstance(now, dict):
        for key in sorted(set(then) | set(now)):
            if key not in _HOW:
                found = _first_difference(then.get(key), now.get(key), f"{path}.{key}")
                if found is not None:
                    return found
        return None
    return None if then == now else (path, then, now)
