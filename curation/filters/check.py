"""Whether a filter can be applied to a dataset: its columns are there and hold what the rules ask of them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

from curation.config.document import Keys
from curation.config.validation import show
from curation.dataset.column_types import Kind, kind_of
from curation.dataset.wide import Column
from curation.errors import UserError
from curation.filters.rule import ColumnRule, Filter, Rule, SqlRule
from curation.filters.sql import read_expression
from curation.registry import registered_stages
from curation.stage import columns_written
from curation.suggestions import did_you_mean

SKIP_OPTION = "--skip-missing"

_NEEDS: Mapping[str, Kind] = {
    "min": "number",
    "max": "number",
    "drop_lowest": "number",
    "drop_highest": "number",
    "matches": "text",
    "is": "truth value",
}
_CAN: Mapping[Kind, str] = {
    "number": "min, max, drop_lowest, drop_highest, in, not_in, not_null or sql",
    "text": "in, not_in, matches, not_null or sql",
    "truth value": "is, not_null or sql",
    "other": "not_null or sql",
}


_PLURAL: Mapping[Kind, str] = {"number": "numbers", "text": "text", "truth value": "truth values"}


@dataclass(frozen=True)
class Checked:
    """A filter that can be applied. ``columns``: what its rules read; ``skipped``: per rule that was left out, why."""

    filter: Filter
    columns: tuple[str, ...]
    skipped: tuple[str, ...] = ()


def check_filter(filter: Filter, known: Mapping[str, Column], dataset: str, *, skip_missing: bool = False) -> Checked:
    """Check every rule against the columns of a dataset.

    ``dataset``: its URL, for messages; ``skip_missing``: leave out rules over columns of stages that have not run on
    it, instead of raising.

    Raises:
        UserError: one line per mistake with file, line and key: unknown columns with the nearest name, or with the
            command that computes them; rules that do not fit the type of their column; SQL that DuckDB refuses.
    """
    rules: list[Rule] = []
    read: dict[str, None] = {}
    mistakes: list[str] = []
    skipped: list[str] = []
    for rule in filter.rules:
        findings = _Findings(filter.name, rule, known, dataset)
        if findings.missing and skip_missing and not findings.mistakes:
            skipped.append(f"{rule.label} (no {' and no '.join(findings.missing)} in {dataset})")
            continue
        mistakes += [*findings.missing.values(), *findings.mistakes]
        rules.append(replace(rule, columns=tuple(findings.columns)) if isinstance(rule, SqlRule) else rule)
        read |= dict.fromkeys(findings.columns)
    if mistakes:
        raise UserError("\n".join(dict.fromkeys(mistakes)))
    return Checked(replace(filter, rules=tuple(rules)), tuple(read), tuple(skipped))


class _Findings:
    """What is found out about one rule. ``columns``: those that it reads; ``missing``: per column that a stage would
    write, what to do; ``mistakes``: everything else that is wrong with it."""

    def __init__(self, filter_name: str, rule: Rule, known: Mapping[str, Column], dataset: str) -> None:
        self._filter_name, self._rule, self._known, self._dataset = filter_name, rule, known, dataset
        self.columns: list[str] = []
        self.missing: dict[str, str] = {}
        self.mistakes: list[str] = []
        if isinstance(rule, SqlRule):
            self._look_at_sql(rule)
        else:
            self._look_at_column(rule)

    def _look_at_sql(self, rule: SqlRule) -> None:
        try:
            reading = read_expression(rule.expression, self._known, rule.seconds)
        except UserError as error:
            self._mistake(("sql",), "sql", str(error))
            return
        self.columns += reading.columns
        for name in reading.unknown:
            self._unknown(name, ("sql",), f"sql: {name}")

    def _look_at_column(self, rule: ColumnRule) -> None:
        name = rule.column
        written = rule.spec.as_written()
        for group in rule.spec.within:
            if group not in self._known:
                self._unknown(group, ("within",), f"{name}.within: {group}")
            elif self._known[group].is_nested:
                self._mistake(("within",), f"{name}.within", f"{group} holds lists; clips cannot be grouped by it")
            else:
                self.columns.append(group)
        if name not in self._known:
            self._unknown(name, (), name)
            return
        self.columns.append(name)
        kind = kind_of(self._known[name].type)
        for key in written:
            if key in _NEEDS and _NEEDS[key] != kind:
                self._mistake(
                    (key,), f"{name}.{key}", f"needs {_PLURAL[_NEEDS[key]]}, and {name} holds {self._holds()}"
                )
        for key, values in (("in", rule.spec.in_), ("not_in", rule.spec.not_in)):
            for value in values or ():
                if _kind_of_value(value) != kind:
                    what = f"{show(value)} is no {kind}, and {name} holds {self._holds()}"
                    self._mistake((key,), f"{name}.{key}", what)
                    break

    def _holds(self) -> str:
        assert isinstance(self._rule, ColumnRule)
        column = self._known[self._rule.column]
        kind = kind_of(column.type)
        return f"{_PLURAL.get(kind, str(column.type))}; there use {_CAN[kind]}"

    def _unknown(self, name: str, keys: Keys, label: str) -> None:
        writers = _written_by_stages()
        if name in writers:
            self.missing[name] = (
                f"{self._where(keys, label)}: no stage has written it in {self._dataset}; compute it with: "
                f"curation annotate {shlex.quote(self._dataset)} --stage {writers[name]}"
                f" (or leave such rules out with {SKIP_OPTION})"
            )
            return
        hint = did_you_mean(name, {*self._known, *writers})
        if "did you mean" not in hint:
            hint = f"; to see all columns: curation stats {shlex.quote(self._dataset)}"
        self.mistakes.append(f"{self._where(keys, label)}: no such column{hint}")

    def _mistake(self, keys: Keys, label: str, what: str) -> None:
        self.mistakes.append(f"{self._where(keys, label)}: {what}")

    def _where(self, keys: Keys, label: str) -> str:
        return ": ".join(part for part in (self._rule.place(keys), f"{self._filter_name}.{label}") if part)


def _kind_of_value(value: object) -> Kind:
    if isinstance(value, bool):
        return "truth value"
    return "number" if isinstance(value, int | float) else "text"


@cache
def _written_by_stages() -> dict[str, str]:
    """Columns of all stages that are installed, each with a stage that writes it."""
    return {column: name for name, stage in registered_stages().items() for column in columns_written(stage)}
