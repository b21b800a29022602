"""Recipes: what they inherit, what is overridden, what is said of mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.config import load_config
from curation.config.recipes import load_recipe
from curation.errors import UserError
from models.diffusion.recipe import Recipe

CONFIG = """
recipes:
  mine:
    extends: tiny
    data: {frames: 6}
    validation: {prompts: [a cat]}
  next:
    extends: mine
    start: {checkpoint: runs/mine}
    data: {fps: 4}
    validation: {prompts: [a dog, a cow]}
  round: {extends: trip}
  trip: {extends: round}
  wrong:
    extends: tiny
    data:
      frmes: 3
    optimizer: {learning_rate: -1}
  lost: {extends: tinny}
  sized: {extends: tiny, unet: {size: 40n}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "own.yaml"
    file.write_text(CONFIG)
    return file


def load(config: Path, name: str, *overrides: str) -> Recipe:
    return load_recipe(load_config(config), name, Recipe, overrides)


def test_a_recipe_says_only_what_changes(config: Path) -> None:
    tiny, mine, following = (load(config, name) for name in ("tiny", "mine", "next"))
    assert mine.data == tiny.data.model_copy(update={"frames": 6})
    assert following.data == tiny.data.model_copy(update={"frames": 6, "fps": 4})
    assert following.validation.prompts == ("a dog", "a cow")
    assert following.start.checkpoint == "runs/mine"
    assert following.unet == tiny.unet


def test_one_value_for_one_run(config: Path) -> None:
    recipe = load(config, "tiny", "training.steps=7", "data.sizes=[[32, 48]]", "conditioning.frame={p_mean: -2}")
    assert recipe.training.steps == 7
    assert recipe.data.size == (32, 48)
    assert recipe.conditioning.micro == ("fps", "motion_bucket", "augmentation")
    assert load(config, "mine", "conditioning.frame={p_mean: -2}", "conditioning.frame=null").conditioning.frame is None
    with pytest.raises(UserError, match=r"validation\.prompts: a model that begins with a picture"):
        load(config, "mine", "conditioning.frame={p_mean: -2}")


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        ("tinny", [], 'own.yaml: no recipe "tinny"; did you mean "tiny"?'),
        ("lost", [], 'own.yaml:19: lost.extends: no recipe "tinny"; did you mean "tiny"?'),
        ("round", [], "own.yaml:13: trip.extends: recipes extend each other in a circle: round → trip → round"),
        ("mine", ["seed"], "--set seed: write it as key=value, such as optimizer.learning_rate=3e-5"),
        ("mine", ["data.frames=many"], '--set: mine.data.frames: should be a valid integer, not "many"'),
        ("mine", ["noise.p_men=1"], '--set: mine.noise.p_men: unknown key; did you mean "p_mean"?'),
        ("mine", ["unet.size=40n"], "--set: mine.unet: size: should be one of 5m, 40m, svd, not '40n'"),
        ("sized", [], "own.yaml:20: sized.unet: size: should be one of 5m, 40m, svd, not '40n'"),
        (
            "mine",
            ["conditioning.extra=[aesthetic_score]", "data.extra=[]"],
            "own.yaml:3: mine: conditioning.extra: aesthetic_score must stand in data.extra too",
        ),
    ],
)
def test_a_mistake_is_one_line_with_its_place(config: Path, name: str, overrides: list[str], message: str) -> None:
    with pytest.raises(UserError) as told:
        load(config, name, *overrides)
    assert str(told.value).replace(f"{config.parent}/", "") == message


def test_every_mistake_has_its_line(config: Path) -> None:
    with pytest.raises(UserError) as told:
        load(config, "wrong")
    first, second = str(told.value).replace(f"{config.parent}/", "").splitlines()
    assert first == 'own.yaml:17: wrong.data.frmes: unknown key; did you mean "frames"?'
    assert second == "own.yaml:18: wrong.optimizer.learning_rate: should be greater than 0, not -1"


PAPER = {
    "image": (1, (256, 384), 30_000, 1536, 1e-4, -1.2, 1.0),
    "video": (14, (256, 384), 150_000, 1536, 1e-4, -1.2, 1.0),
    "video-highres": (14, (320, 576), 100_000, 768, 1e-4, 0.0, 1.0),
    "text-to-video": (14, (576, 1024), 50_000, 768, 3e-5, 0.5, 1.4),
    "image-to-video": (14, (320, 576), 50_000, 768, 3e-5, 0.7, 1.6),
    "image-to-video-highres": (14, (576, 1024), 50_000, 768, 3e-5, 1.0, 1.6),
}


@pytest.mark.parametrize("name", PAPER)
def test_the_installed_recipes_have_the_numbers_of_the_paper(name: str) -> None:
    """Stable Video Diffusion, arXiv 2311.15127, appendix D."""
    recipe = load_recipe(load_config(None), name, Recipe)
    found = (
        recipe.data.frames,
        recipe.data.size,
        recipe.training.steps,
        recipe.training.batch_size,
        recipe.optimizer.learning_rate,
        recipe.noise.p_mean,
        recipe.noise.p_std,
    )
    assert found == PAPER[name]
    assert recipe.conditioning.drop == 0.15
    assert recipe.unet.block_out_channels == (320, 640, 1280, 1280)
    of_image = name.startswith("image-to-video")
    assert (recipe.conditioning.context == "image") == of_image
    assert (recipe.conditioning.frame is not None) == of_image
    assert (recipe.ema.decay == (0.9999,)) == (recipe.data.size == (576, 1024))
