"""Columns that manifests carry into `videos`: names that are free, one kind of value per column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from curation.dataset.column_types import as_text
from curation.dataset.schema import VIDEOS

PREFIX = "manifest_"
_RESERVED = frozenset(name.casefold() for name in VIDEOS.names)


def free_names(columns: Iterable[str]) -> dict[str, str]:
    """The names under which the columns of manifests stand in `videos`, no two the same.

    A name that the table has itself gets a prefix: ``manifest_fps`` for ``fps``. A column that is called
    ``manifest_fps`` as it stands gets one more where there is ``fps`` too.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for column in sorted(dict.fromkeys(columns), key=lambda column: not _is_reserved(column)):
        name = f"{PREFIX}{column}" if _is_reserved(column) else column
        while name in taken:
            name = f"{PREFIX}{name}"
        names[column] = name
        taken.add(name)
    return names


def unify(rows: Sequence[Mapping[str, Any]], known: Mapping[str, type] | None = None) -> list[dict[str, Any]]:
    """The same rows with values of one kind per column: text, bool, int or float, or None.

    Integers among floats become floats. Other mixtures, and values of other kinds, become text: lists and objects
    as JSON, dates in ISO 8601. A column without any value becomes a column of None. ``known``: kinds of values that
    columns hold elsewhere already, which count like those of the rows.
    """
    kinds: dict[str, set[type]] = {column: {kind} for column, kind in (known or {}).items()}
    for row in rows:
        for column, value in row.items():
            kinds.setdefault(column, set()).update(() if value is None else (_kind(value),))
    kind_of = {column: _common(found) for column, found in kinds.items()}
    return [{column: _as(kind_of[column], value) for column, value in row.items()} for row in rows]


def _is_reserved(column: str) -> bool:
    return column.casefold() in _RESERVED


def _kind(value: Any) -> type:
    """Integers that no 64-bit column holds count as text."""
    return str if isinstance(value, int) and not -(2**63) <= value < 2**63 else type(value)


def _common(kinds: set[type]) -> type:
    if kinds == {int, float}:
        return float
    if len(kinds) == 1 and kinds <= {bool, int, float, str}:
        return next(iter(kinds))
    return str


def _as(kind: type, value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if value is None or type(value) is kind:
        return value
    if kind is float:
        return float(value)
    return as_text(value)
