"""A filter as the rest of the program sees it: rules in order, each with where it was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from curation.config.document import Keys
from curation.filters.spec import ColumnSpec

LONGEST_LABEL = 100
# How long a rule in SQL may take that does not say so itself.
SQL_SECONDS = 60.0


@dataclass(frozen=True)
class ColumnRule:
    """What one column must hold. ``places``: where each key was written, the rule itself under ()."""

    column: str
    spec: ColumnSpec
    places: Mapping[Keys, str] = field(default_factory=dict, compare=False)

    @property
    def label(self) -> str:
        """What the rule demands, and the reason of the clips that it drops: ``motion_score: drop_lowest 25%``."""
        parts = [f"{key} {_shown(value)}" for key, value in self.spec.as_written().items()]
        return _short(f"{self.column}: {', '.join(parts)}")

    @property
    def null_label(self) -> str:
        """The reason of a clip that is dropped because the value is null."""
        return f"{self.column}: null"

    def place(self, keys: Keys = ()) -> str:
        """``file:line`` of a key of the rule."""
        return self.places.get(keys) or self.places.get((), "")

    def to_dict(self) -> dict[str, Any]:
        """The rule as it would stand in YAML."""
        return {self.column: self.spec.as_written()}


@dataclass(frozen=True)
class SqlRule:
    """An expression in SQL that is true for the clips that are kept; null counts as not true. ``timeout_s``: how long
    it may take; ``columns``: those that it reads, filled in by `curation.filters.check`."""

    expression: str
    name: str | None = None
    timeout_s: float | None = None
    places: Mapping[Keys, str] = field(default_factory=dict, compare=False)
    columns: tuple[str, ...] = field(default=(), compare=False)

    @property
    def seconds(self) -> float:
        """How long it may take."""
        return SQL_SECONDS if self.timeout_s is None else self.timeout_s

    @property
    def label(self) -> str:
        """Its name, else the expression."""
        return _short(self.name or " ".join(self.expression.split()))

    @property
    def null_label(self) -> str:
        """The reason of a clip for which the expression gives neither true nor false."""
        return f"{self.label}: null"

    def place(self, keys: Keys = ()) -> str:
        """``file:line`` of a key of the rule."""
        return self.places.get(keys) or self.places.get((), "")

    def to_dict(self) -> dict[str, Any]:
        """The rule as it would stand in YAML."""
        limit = {} if self.timeout_s is None else {"timeout_s": self.timeout_s}
        return {"sql": self.expression, **({"name": self.name} if self.name else {}), **limit}


Rule = ColumnRule | SqlRule


@dataclass(frozen=True)
class Filter:
    """A named list of rules; a clip is kept when all of them keep it."""

    name: str
    rules: tuple[Rule, ...]
    description: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The filter as it would stand in YAML, with what it extends written out."""
        described = {"description": self.description} if self.description else {}
        return {**described, "rules": [rule.to_dict() for rule in self.rules]}


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _short(label: str) -> str:
    label = " ".join(label.split())
    return label if len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 1]}…"
