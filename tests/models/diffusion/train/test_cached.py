"""A training on latents that were computed ahead is the training that encodes as it goes."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch

from models.diffusion.autoencoder import load_autoencoder
from models.diffusion.data import DataError
from models.diffusion.data.cache import LatentCache, Models
from models.diffusion.recipe import Recipe
from models.diffusion.text_encoder import load_text_encoder
from models.diffusion.train.distributed import World
from models.diffusion.train.log import read_log
from models.diffusion.train.loop import train
from models.diffusion.train.meters import LossMeter
from models.diffusion.train.setup import set_up
from models.diffusion.train.step import take_step
from models.diffusion.train.watcher import Watcher
from tests.models.diffusion.shape_shards import some_shapes, write_shards
from tests.models.diffusion.small_recipe import small_recipe
from tests.models.diffusion.tiny_pipeline import save_autoencoder

WORLD = World(torch.device("cpu"))
STEPS = 3


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    return write_shards(tmp_path / "shards", some_shapes([0.0, 1.5])[::4])


def a_recipe(latents: str = "auto", data: dict[str, Any] | None = None, **changes: Any) -> Recipe:
    """Stills and two rates among the samples; what is cached is not rounded."""
    settings = {"other_fps": [4], "frames": 2, "image_share": 0.3, "held_out": 2, "latents_precision": "fp32"}
    return small_recipe(
        data={**settings, "latents": latents, **(data or {})},
        training={"steps": STEPS, "batch_size": 2},
        validation={"every_steps": STEPS},
        **changes,
    )


def cache_latents(recipe: Recipe, shards: Path) -> None:
    models = Models(load_autoencoder(recipe.autoencoder), load_text_encoder(recipe.text_encoder))
    assert LatentCache(str(shards), recipe.data, models).write().is_whole


def losses(recipe: Recipe, shards: Path, folder: Path) -> list[float]:
    """Of each step."""
    job = set_up(recipe, [str(shards)], folder, WORLD, Watcher())
    meter, found = LossMeter(WORLD.device), []
    for batch in islice(job.data.batches(0), STEPS):
        take_step(job.training, job.objective, [batch], len(batch), recipe.optimizer, WORLD, meter)
        found.append(meter.read(WORLD)[0])
    return found


def logged(recipe: Recipe, shards: Path, output: Path) -> list[dict[str, Any]]:
    """The log of a training, without what a clock says."""
    assert train(recipe, [str(shards)], output, WORLD, Watcher())
    timed = ("time", "samples_per_s", "data_wait")
    return [{key: value for key, value in line.items() if key not in timed} for line in read_log(output)]


def test_all_that_is_logged_is_the_same_to_the_bit(shards: Path, tmp_path: Path) -> None:
    encoded = logged(a_recipe(), shards, tmp_path / "encoded")
    cache_latents(a_recipe(), shards)
    cached = logged(a_recipe(), shards, tmp_path / "cached")
    assert [line.pop("latents") for line in encoded if line["event"] == "train"] == ["encoded"] * STEPS
    assert [line.pop("latents") for line in cached if line["event"] == "train"] == ["cached"] * STEPS
    assert cached[-1]["held_out_loss"]
    assert cached == encoded


def test_with_convolutions_to_rounding(shards: Path, tmp_path: Path) -> None:
    autoencoder = save_autoencoder(tmp_path / "vae", 0)
    cache_latents(a_recipe(autoencoder=autoencoder), shards)
    cached = losses(a_recipe("cached", autoencoder=autoencoder), shards, tmp_path)
    assert cached == pytest.approx(losses(a_recipe("decode", autoencoder=autoencoder), shards, tmp_path), rel=1e-4)


def test_latents_of_other_weights_are_not_used(shards: Path, tmp_path: Path) -> None:
    """The autoencoder's folder keeps its name; what is in it does not."""
    autoencoder = save_autoencoder(tmp_path / "vae", 0)
    cache_latents(a_recipe(autoencoder=autoencoder), shards)
    of_first = losses(a_recipe("cached", autoencoder=autoencoder), shards, tmp_path)
    save_autoencoder(tmp_path / "vae", 1)
    with pytest.raises(DataError, match=r"of another kind: autoencoder: AutoencoderKL@\w+ instead of AutoencoderKL@"):
        losses(a_recipe("cached", autoencoder=autoencoder), shards, tmp_path)
    of_second = losses(a_recipe(autoencoder=autoencoder), shards, tmp_path)
    assert of_second == losses(a_recipe("decode", autoencoder=autoencoder), shards, tmp_path)
    assert of_second != pytest.approx(of_first, rel=1e-3)


def test_a_frame_that_gets_its_noise_as_pixels_has_clips_decoded(shards: Path, tmp_path: Path) -> None:
    """Where it gets it as a latent the same latents are used."""
    cache_latents(a_recipe(), shards)
    as_latent, as_pixels = ({"frame": {"augment": augment}} for augment in ("latents", "pixels"))
    used = losses(a_recipe(conditioning=as_latent), shards, tmp_path)
    assert used == losses(a_recipe("decode", conditioning=as_latent), shards, tmp_path)
    with pytest.raises(DataError, match=r"conditioning\.frame\.augment: pixels.*set it to latents"):
        losses(a_recipe("cached", conditioning=as_pixels), shards, tmp_path)
    assert losses(a_recipe(conditioning=as_pixels), shards, tmp_path)


@pytest.mark.parametrize(
    ("change", "told"), [({"crop": "random"}, "data.crop: random"), ({"sizes": [[16, 12]]}, "another kind: sizes")]
)
def test_latents_of_another_crop_are_not_used(shards: Path, tmp_path: Path, change: dict[str, Any], told: str) -> None:
    cache_latents(a_recipe(), shards)
    with pytest.raises(DataError, match=told):
        losses(a_recipe("cached", change), shards, tmp_path)
    assert losses(a_recipe("auto", change), shards, tmp_path) == losses(a_recipe("decode", change), shards, tmp_path)
