"""From what is written under ``recipes:`` and on the command line to a validated training configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel

from curation.config.ancestry import EXTENDS, ancestry
from curation.config.document import Keys, parse
from curation.config.file import ConfigFile, Entry
from curation.config.overlay import OVERRIDE_PLACE, nearest_place, overlay
from curation.config.validation import show, validated
from curation.errors import UserError
from curation.suggestions import did_you_mean

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
    for entry in ancestry(config.recipes, name, _parent, "recipe"):
        overlay(values, {key: value for key, value in entry.values.items() if key != EXTENDS}, entry.place, places)
    for override in overrides:
        _override(override, values, places)
    written = config.recipes[name].place()
    return validated(model, values, name=name, place=lambda keys: nearest_place(places, keys, written))


def _parent(entry: Entry) -> str | None:
    parent = entry.values.get(EXTENDS)
    if parent is not None and not isinstance(parent, str):
        raise UserError(
            f"{entry.place((EXTENDS,))}: {entry.name}.{EXTENDS}: should be the name of a recipe, not {show(parent)}"
        )
    return parent


def _override(text: str, values: dict[str, Any], places: dict[Keys, str]) -> None:
    path, equals, written = text.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise UserError(f"{OVERRIDE_PLACE} {text}: write it as key=value, such as optimizer.learning_rate=3e-5")
    value: Any = parse(written, f"{OVERRIDE_PLACE} {path.strip()}").data
    for key in reversed(keys):
        value = {key: value}
    overlay(values, value, lambda _: OVERRIDE_PLACE, places)
