"""From what is written under ``recipes:`` and on the command line to a validated training configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel

from curation.config.document import Keys, parse
from curation.config.file import ConfigFile, RecipeEntry
from curation.config.overlay import OVERRIDE_PLACE, nearest_place, overlay
from curation.config.validation import show, validated
from curation.errors import UserError
from curation.suggestions import did_you_mean

EXTENDS = "extends"
Model = TypeVar("Model", bound=BaseModel)


def load_recipe(config: ConfigFile, name: str, model: type[Model], overrides: Sequence[str] = ()) -> Model:
    """The recipe ``name`` with what it extends and with ``overrides`` (``key=value``, the value in YAML), as ``model``.

    Mappings are merged key by key; any other value, null too, replaces the inherited one.

    Raises:
        UserError: unknown recipe or key, wrong type, a cycle of ``extends``; one line per mistake with file, line (or
            --set), key and what to do.
    """
    if name not in config.recipes:
        raise UserError(f'{config.path}: no recipe "{name}"{did_you_mean(name, config.recipes)}')
    values: dict[str, Any] = {}
    places: dict[Keys, str] = {}
    for entry in _ancestry(config, name):
        overlay(values, {key: value for key, value in entry.values.items() if key != EXTENDS}, entry.place, places)
    for override in overrides:
        _override(override, values, places)
    written = config.recipes[name].place()
    return validated(model, values, name=name, place=lambda keys: nearest_place(places, keys, written))


def _ancestry(config: ConfigFile, name: str) -> list[RecipeEntry]:
    """The recipe and what it extends, the root first."""
    found: list[RecipeEntry] = []
    while True:
        entry = config.recipes[name]
        found.insert(0, entry)
        parent = entry.values.get(EXTENDS)
        if parent is None:
            return found
        where = f"{entry.place((EXTENDS,))}: {name}.{EXTENDS}"
        if not isinstance(parent, str):
            raise UserError(f"{where}: should be the name of a recipe, not {show(parent)}")
        if parent not in config.recipes:
            raise UserError(f'{where}: no recipe "{parent}"{did_you_mean(parent, set(config.recipes) - {name})}')
        seen = [other.name for other in reversed(found)]
        if parent in seen:
            raise UserError(f"{where}: recipes extend each other in a circle: {' → '.join([*seen, parent])}")
        name = parent


def _override(text: str, values: dict[str, Any], places: dict[Keys, str]) -> None:
    path, equals, written = text.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise UserError(f"{OVERRIDE_PLACE} {text}: write it as key=value, such as optimizer.learning_rate=3e-5")
    value: Any = parse(written, f"{OVERRIDE_PLACE} {path.strip()}").data
    for key in reversed(keys):
        value = {key: value}
    overlay(values, value, lambda _: OVERRIDE_PLACE, places)
