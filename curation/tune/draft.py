"""A filter while it is being tuned: rules as the page sends them, some of which may not make sense just now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from curation.errors import UserError
from curation.filters import ClipTable, Filter, Rule, SqlRule, check_filter, filter_of

DRAFT = "draft"
MOST_RULES = 64
# How long the page waits for a rule in SQL that does not say how long it may take.
SQL_SECONDS = 10.0


@dataclass(frozen=True)
class DraftRule:
    """One rule. ``rule`` is None where it cannot be applied: ``error`` tells why, in one line, and ``is_missing``
    whether it only lacks a column that a stage would write."""

    rule: Rule | None
    error: str = ""
    is_missing: bool = False


@dataclass(frozen=True)
class Draft:
    """All rules of the page, in order."""

    rules: tuple[DraftRule, ...]

    @property
    def applied(self) -> tuple[Rule, ...]:
        """The rules that can be applied."""
        return tuple(draft.rule for draft in self.rules if draft.rule is not None)

    def position(self, index: int) -> int:
        """The place among the applied rules of the rule that is number ``index`` on the page.

        Raises:
            UserError: there is no such rule, or it is not applied.
        """
        if not 0 <= index < len(self.rules) or self.rules[index].rule is None:
            raise UserError(f"rule {index} is not applied")
        return sum(draft.rule is not None for draft in self.rules[:index])


def read_draft(rules: Sequence[Mapping[str, Any]], table: ClipTable) -> Draft:
    """Check each rule on its own: what is wrong with one leaves the others as they are.

    ``rules``: as they would stand in YAML.
    """
    return Draft(tuple(_read(rule, table) for rule in rules))


def _read(written: Mapping[str, Any], table: ClipTable) -> DraftRule:
    try:
        filter = _not_too_long(filter_of(DRAFT, {"rules": [written]}))
        checked = check_filter(filter, table.columns, table.dataset)
    except UserError as error:
        return DraftRule(None, _message(error), _only_lacks_columns(written, table))
    (rule,) = checked.filter.rules
    table.need(checked.columns)
    if isinstance(rule, SqlRule):
        try:
            table.sql(rule.expression, rule.columns, rule.seconds)  # kept, so that judging by it costs nothing more
        except UserError as error:
            return DraftRule(None, f"{rule.label}: {error}")
    return DraftRule(rule)


def _not_too_long(filter: Filter) -> Filter:
    limited = (
        replace(rule, timeout_s=SQL_SECONDS) if isinstance(rule, SqlRule) and rule.timeout_s is None else rule
        for rule in filter.rules
    )
    return replace(filter, rules=tuple(limited))


def _only_lacks_columns(written: Mapping[str, Any], table: ClipTable) -> bool:
    try:
        filter = _not_too_long(filter_of(DRAFT, {"rules": [written]}))
        return bool(check_filter(filter, table.columns, table.dataset, skip_missing=True).skipped)
    except UserError:
        return False


def _message(error: UserError) -> str:
    """Without the name of the draft, and without the option of `curation filter` that leaves rules out."""
    line = str(error).splitlines()[0]
    return line.removeprefix(f"{DRAFT}.").removeprefix("rules.0.").partition(" (or leave such rules out")[0]


def draft_filter(rules: Sequence[Mapping[str, Any]], name: str, description: str | None) -> Filter:
    """The filter that is saved.

    Raises:
        UserError: a rule or the name makes no sense.
    """
    described = {"description": description} if description else {}
    return filter_of(name, {**described, "rules": [dict(rule) for rule in rules]})
