"""What a pipeline, a filter or a recipe extends, and what that extends in turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

from curation.config.document import Keys
from curation.errors import UserError
from curation.suggestions import did_you_mean

EXTENDS = "extends"


class Named(Protocol):
    """An entry of a section of the config file."""

    @property
    def name(self) -> str: ...
    def place(self, keys: Keys = ()) -> str:
        """``file:line`` of a key below it."""
        ...


One = TypeVar("One", bound=Named)


def ancestry(
    entries: Mapping[str, One], name: str, parent_of: Callable[[One], str | None], kind: str, path: str = ""
) -> list[One]:
    """The entry ``name`` and what it extends, the root first.

    ``kind``: what an entry is, for messages ("filter"); ``path``: what stands before its name there.

    Raises:
        UserError: it extends what is not there, or itself.
    """
    found: list[One] = []
    while True:
        entry = entries[name]
        found.insert(0, entry)
        parent = parent_of(entry)
        if parent is None:
            return found
        where = f"{entry.place((EXTENDS,))}: {path}{name}.{EXTENDS}"
        if parent not in entries:
            raise UserError(f'{where}: no {kind} "{parent}"{did_you_mean(parent, set(entries) - {name})}')
        seen = [other.name for other in reversed(found)]
        if parent in seen:
            raise UserError(f"{where}: {kind}s extend each other in a circle: {' → '.join([*seen, parent])}")
        name = parent
