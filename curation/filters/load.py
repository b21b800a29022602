"""From what is written under ``filters:`` and on the command line to a filter with validated rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from curation.config.ancestry import ancestry
from curation.config.document import Keys, parse
from curation.config.file import ConfigFile, Entry
from curation.config.validation import validated
from curation.errors import UserError
from curation.filters.rule import ColumnRule, Filter, Rule, SqlRule
from curation.filters.spec import ColumnSpec, FilterSpec, SqlSpec
from curation.suggestions import did_you_mean

OVERRIDE_PLACE = "--set"
SQL, NAME = "sql", "name"
_FILTER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def load_filter(config: ConfigFile, name: str, overrides: Sequence[str] = ()) -> Filter:
    """The filter ``name`` with what it extends and with ``overrides``: ``column.key=value``, the value in YAML;
    ``column=null`` and ``column.key=null`` take a rule, or a key of it, away.

    Raises:
        UserError: unknown filter or key, wrong type, bounds that no clip can meet, a cycle of ``extends``; one line
            per mistake with file, line (or --set), key and what to do.
    """
    if filter_name(name) not in config.filters:
        raise UserError(f'{config.path}: no filter "{name}"{did_you_mean(name, config.filters)}')
    drafts: list[_Draft] = []
    description = None
    specs: dict[str, FilterSpec] = {}

    def parent(entry: Entry) -> str | None:
        specs[entry.name] = validated(FilterSpec, dict(entry.values), name=entry.name, place=entry.place)
        return specs[entry.name].extends

    for entry in ancestry(config.filters, name, parent, "filter"):
        spec = specs[entry.name]
        drafts = _extended(drafts, _drafts(entry, spec), entry.name)
        description = spec.description if entry.name == name else description
    for override in overrides:
        _override(override, name, drafts)
    return _filter(name, drafts, description)


def filter_of(name: str, values: Mapping[str, Any]) -> Filter:
    """A filter from plain values, as `Filter.to_dict` gives them: one that stands in no file.

    Raises:
        UserError: as `load_filter`, without file and line.
    """
    spec = validated(FilterSpec, dict(values), name=filter_name(name), place=lambda _: "")
    if spec.extends is not None:
        raise UserError(f"{name}.extends: only a filter in a file can extend another")
    drafts = [_Draft.read(item, index, lambda _: "") for index, item in enumerate(spec.rules)]
    return _filter(name, drafts, spec.description)


def filter_name(name: str) -> str:
    """The name, when it can be that of a file.

    Raises:
        UserError: it cannot.
    """
    if _FILTER_NAME.fullmatch(name) is None:
        shown = name if len(name) <= 40 else f"{name[:40]}…"
        raise UserError(f'{shown!a}: a filter\'s name is up to 100 letters, digits, ".", "_" and "-", no sign first')
    return name


@dataclass
class _Draft:
    """A rule while filters are put together. ``values`` are None where an inherited rule is taken away."""

    column: str | None
    sql_name: str | None
    values: dict[str, Any] | None
    places: dict[Keys, str] = field(default_factory=dict)

    @classmethod
    def read(cls, item: Mapping[str, Any], index: int, place: Callable[[Keys], str]) -> _Draft:
        above: Keys = ("rules", index)
        if SQL in item:
            places: dict[Keys, str] = {(): place(above)}
            places |= {(key,): place((*above, key)) for key in item}
            values = None if item[SQL] is None and len(item) == 2 and NAME in item else dict(item)
            return cls(None, item.get(NAME), values, places)
        ((column, values),) = item.items()
        places = {(): place((*above, column))}
        if isinstance(values, dict):
            places |= {(key,): place((*above, column, key)) for key in values}
        return cls(column, None, values, places)

    @property
    def key(self) -> tuple[str, str] | None:
        """What it has in common with the rule that replaces it; None: it cannot be replaced."""
        if self.column is not None:
            return "column", self.column
        return None if self.sql_name is None else (SQL, self.sql_name)

    def resolve(self, filter_name: str) -> Rule:
        if self.column is None:
            found = validated(SqlSpec, self.values, name=f"{filter_name}", place=self._place)
            return SqlRule(found.sql, found.name, found.timeout_s, self.places)
        spec = validated(ColumnSpec, self.values, name=f"{filter_name}.{self.column}", place=self._place)
        return ColumnRule(self.column, spec, self.places)

    def _place(self, keys: Keys) -> str:
        return self.places.get(keys[:1], self.places[()])


def _filter(name: str, drafts: Sequence[_Draft], description: str | None) -> Filter:
    rules: list[Rule] = []
    mistakes = []
    for draft in drafts:
        try:
            rules.append(draft.resolve(name))
        except UserError as error:
            mistakes.append(str(error))
    if mistakes:
        raise UserError("\n".join(dict.fromkeys(mistakes)))
    return Filter(name, tuple(rules), description)


def _drafts(entry: Entry, spec: FilterSpec) -> list[_Draft]:
    return [_Draft.read(item, index, entry.place) for index, item in enumerate(spec.rules)]


def _extended(inherited: Sequence[_Draft], own: Sequence[_Draft], name: str) -> list[_Draft]:
    """The inherited rules with the own ones in the place of those over the same column (or of the same name)."""
    replaced = {draft.key for draft in own if draft.key is not None}
    result: list[_Draft] = []
    placed: set[tuple[str, str]] = set()
    for draft in inherited:
        if draft.key is None or draft.key not in replaced:
            result.append(draft)
        elif draft.key not in placed:
            placed.add(draft.key)
            result += _replacements(draft.key, own)
    for draft in own:
        if draft.values is None and (draft.key not in placed or len(_replacements(draft.key, own, nulls=True)) > 1):
            label = f"{name}.{draft.column or draft.sql_name}"
            why = "here stands another rule too" if draft.key in placed else "there is none"
            raise UserError(f"{draft.places[()]}: {label}: null takes an inherited rule away, and {why}")
    return result + [draft for draft in own if draft.key not in placed]


def _replacements(key: tuple[str, str] | None, own: Sequence[_Draft], *, nulls: bool = False) -> list[_Draft]:
    return [draft for draft in own if draft.key == key and (nulls or draft.values is not None)]


def _override(text: str, name: str, drafts: list[_Draft]) -> None:
    path, equals, written = text.partition("=")
    path = path.strip()
    value = parse(written, f"{OVERRIDE_PLACE} {path}").data
    if equals and value is None and any(draft.column == path for draft in drafts):
        drafts[:] = [draft for draft in drafts if draft.column != path]
        return
    column, dot, key = path.rpartition(".")
    if not (equals and dot and column and key):
        raise UserError(f"{OVERRIDE_PLACE} {text}: write it as column.key=value, such as motion_score.drop_lowest=50%")
    own = [draft for draft in drafts if draft.column == column]
    draft = next((draft for draft in own if draft.values and key in draft.values), own[0] if own else None)
    if draft is None:
        draft = _Draft(column, None, {}, {(): f"{OVERRIDE_PLACE} {path}"})
        drafts.append(draft)
    draft.values = {**(draft.values or {}), key: value}
    draft.places = {**draft.places, (key,): f"{OVERRIDE_PLACE} {path}"}
    if value is None:
        del draft.values[key]
        if not draft.values:
            drafts.remove(draft)
