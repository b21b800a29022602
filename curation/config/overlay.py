"""Values laid over values, as `extends` and `--set` do, with the place where each key was written last."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from curation.config.document import Keys

OVERRIDE_PLACE = "--set"


def overlay(
    target: dict[str, Any],
    values: Mapping[str, Any],
    place: Callable[[Keys], str],
    places: dict[Keys, str],
    keys: Keys = (),
) -> None:
    """Merge ``values`` into ``target`` key by key; any value but a mapping replaces what was there.

    ``place``: where a key of ``values`` is written; ``places`` keeps it; ``keys``: the path of ``target`` itself.
    """
    for key, value in values.items():
        here = (*keys, key)
        places[here] = place(here)
        if isinstance(value, Mapping):
            if not isinstance(target.get(key), dict):
                target[key] = {}
            overlay(target[key], value, place, places, here)
        else:
            target[key] = value


def nearest_place(places: Mapping[Keys, str], keys: Keys, otherwise: str) -> str:
    """Where a key was written, or the nearest key around it."""
    while keys and keys not in places:
        keys = keys[:-1]
    return places[keys] if keys else otherwise
