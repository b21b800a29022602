"""Columns that manifests carry into `videos`: names that are free, one kind of value per column."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from curation.dataset.schema import VIDEOS

PREFIX = "manifest_"
_RESERVED = frozenset(name.casefold() for name in VIDEOS.names)


def free_name(column: str) -> str:
    """The name under which a manifest's column stands in `videos`: ``manifest_fps`` for ``fps``, which is taken."""
    column = column.strip()
    return f"{PREFIX}{column}" if column.casefold() in _RESERVED else column


def unify(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The same rows with values of one kind per column: text, bool, int or float, or None.

    Integers among floats become floats. Other mixtures, and values of other kinds, become text: lists and objects
    as JSON, dates in ISO 8601. A column without any value becomes a column of None.
    """
    kinds: dict[str, set[type]] = {}
    for row in rows:
        for column, value in row.items():
            kinds.setdefault(column, set()).update(() if value is None else (_kind(value),))
    kind_of = {column: _common(found) for column, found in kinds.items()}
    return [{column: _as(kind_of[column], value) for column, value in row.items()} for row in rows]


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
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, bool | list | dict) else str(value)
