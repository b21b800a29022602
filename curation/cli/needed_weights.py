"""The weights that a pipeline or a recipe needs, for `curation models`; and the refusal where those of a recipe are
not here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from curation.errors import UserError

if TYPE_CHECKING:
    from curation.stage import Requirement
    from models.diffusion.recipe import Recipe
    from models.diffusion.recipe_weights import NeededWeights

DEFAULT_PIPELINE = "quickstart"


@dataclass(frozen=True)
class Source:
    """Whose weights: a pipeline's (None: the default one), one stage's, or a recipe's."""

    config: Path | None
    overrides: Sequence[str]
    pipeline: str | None = None
    stage: str | None = None
    recipe: str | None = None

    def __str__(self) -> str:
        return f"recipe {self.recipe}" if self.recipe else f"pipeline {self.pipeline or DEFAULT_PIPELINE}"

    @property
    def pull(self) -> str:
        """The command that fetches them."""
        return f"curation models pull --{self}"

    def needs(self) -> Iterator[tuple[str, Requirement]]:
        """Names of stages, or of parts of the recipe, with what they need.

        Raises:
            UserError: bad config, or options that exclude each other.
        """
        if self.recipe is None:
            return self._of_pipeline()
        if self.pipeline is not None or self.stage is not None:
            raise UserError("--recipe: goes with neither --pipeline nor --stage, which name other weights")
        return self._of_recipe(self.recipe)

    def _of_pipeline(self) -> Iterator[tuple[str, Requirement]]:
        from curation.config import load_config, override_stage, requirements, resolve_pipeline

        whole = self.overrides if self.stage is None else []
        resolved = resolve_pipeline(load_config(self.config), self.pipeline or DEFAULT_PIPELINE, whole)
        if self.stage is not None:
            resolved = replace(resolved, stages=(override_stage(resolved, self.stage, self.overrides),))
        return ((user.name, requirement) for user, requirement in requirements(resolved))

    def _of_recipe(self, name: str) -> Iterator[tuple[str, Requirement]]:
        from curation.cli.model_errors import telling_model_errors
        from curation.config import load_config
        from curation.config.recipes import load_recipe
        from models.diffusion.recipe import Recipe
        from models.diffusion.recipe_weights import recipe_weights

        recipe = load_recipe(load_config(self.config), name, Recipe, self.overrides)
        with telling_model_errors():
            found = list(recipe_weights(recipe))
        return ((one.key, _requirement(one)) for one in found)


def require_weights(recipe: Recipe, name: str, parts: Iterable[str] | None = None) -> None:
    """Raises UserError where weights are not on this machine that no training would fetch. Asks no network.

    ``name``: of the recipe; ``parts``: of the recipe, None for all.
    """
    from curation.cli.model_errors import telling_model_errors
    from models.diffusion.recipe_weights import recipe_weights

    with telling_model_errors():
        missing = [
            one
            for one in recipe_weights(recipe)
            if one.can_be_fetched and not one.download and not one.is_here and (parts is None or one.key in parts)
        ]
    if missing:
        which = ", ".join(f"{one.key} {one.name}" for one in missing)
        raise UserError(
            f"recipe {name}: weights are not on this machine: {which}; fetch them with: curation models pull --recipe "
            f"{name} (and the same --config and --set), in the training with --set {missing[0].key}.download=true, or "
            "name a folder that is here"
        )


def _requirement(weights: NeededWeights) -> Requirement:
    from curation.cli.model_errors import telling_model_errors
    from curation.stage import Requirement

    files = telling_model_errors()(weights.files)
    if weights.can_be_fetched:
        return Requirement(weights.name, files=files, fetch=telling_model_errors()(weights.fetch))
    return Requirement(weights.name, weights.problem, files=files)
