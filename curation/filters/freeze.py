"""A filter with numbers in the place of percentiles: what was tuned on one dataset, for the next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import inf
from typing import Any

import yaml

from curation.dataset.duck import literal, quoted
from curation.errors import UserError
from curation.filters.resolve import Number, Percentiles, ResolvedFilter, ResolvedRule, percentiles_of
from curation.filters.rule import ColumnRule, Filter, Rule, SqlRule
from curation.filters.spec import ColumnSpec
from curation.filters.table import ClipTable

MOST_GROUPS = 1000


def freeze(resolved: ResolvedFilter, table: ClipTable) -> Filter:
    """The same filter with numbers; on the table that it was resolved with it keeps the same clips.

    Percentiles within groups become SQL, a bound for each group; a group that the next dataset has and this one has
    not gets the bound of all clips of this one.

    Raises:
        UserError: a rule has more than `MOST_GROUPS` groups, or they are told apart by other things than texts, numbers
            and truth values.
    """
    rules = [frozen for rule in resolved.rules for frozen in _frozen(rule, table)]
    return replace(resolved.filter, rules=tuple(rules))


def to_yaml(filter: Filter) -> str:
    """A config file with this one filter."""
    values = {"filters": {filter.name: filter.to_dict()}}
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None, width=1000)


class _Dumper(yaml.SafeDumper):
    """Texts of several lines, such as SQL, as they are; everything else as short as it can be."""

    def represent_data(self, data: Any) -> yaml.Node:
        node: yaml.Node = super().represent_data(data)
        if isinstance(node, yaml.ScalarNode) and "\n" in node.value:
            node.style = "|"
        elif isinstance(node, yaml.MappingNode) and any("\n" in str(value) for value in data.values()):
            node.flow_style = False
        return node


def _frozen(resolved: ResolvedRule, table: ClipTable) -> Iterator[Rule]:
    rule = resolved.rule
    if isinstance(rule, SqlRule) or resolved.percentiles is None:
        yield rule
        return
    percentile_keys = ("drop_lowest", "drop_highest", "within")
    rest = {key: value for key, value in rule.spec.as_written().items() if key not in percentile_keys}
    bounds = resolved.bounds()
    if bounds.get("min", -inf) > bounds.get("max", inf):
        # Together they would be refused as a slip of the pen.
        yield ColumnRule(rule.column, ColumnSpec.model_validate({"min": bounds.pop("min"), "nulls": rule.spec.nulls}))
        rest.pop("min", None)
    rest |= bounds
    if not rest.keys() - {"nulls"} and rule.spec.nulls == "drop":
        rest["not_null"] = True
    if rest.keys() - {"nulls"}:
        yield ColumnRule(rule.column, ColumnSpec.model_validate(rest))
    if rule.spec.within:
        yield SqlRule(_by_group(rule, resolved.percentiles, table), rule.label)


def _by_group(rule: ColumnRule, percentiles: Percentiles, table: ClipTable) -> str:
    groups = percentiles.groups
    if len(groups) > MOST_GROUPS:
        raise UserError(
            f"{rule.label}: has {len(groups)} groups, and at most {MOST_GROUPS} can be frozen; "
            "leave within out, or take a column with fewer values"
        )
    try:
        branches = "".join(
            f"WHEN {_is(groups.key(group))} THEN {_between(rule.column, percentiles.bounds(group))}\n"
            for group in range(len(groups))
            if percentiles.count[group]
        )
    except TypeError as error:
        raise UserError(f"{rule.label}: cannot be frozen: {error}; leave within out") from None
    if not branches:
        return "true"
    others = percentiles_of(rule, table, ()).bounds(0)
    cases = f"CASE\n{branches}ELSE {_between(rule.column, others)}\nEND"
    return f"{quoted(rule.column)} IS NULL OR {cases}" if rule.spec.nulls == "keep" else cases


def _is(key: Mapping[str, Any]) -> str:
    return " AND ".join(
        f"{quoted(name)} IS NULL" if value is None else f"{quoted(name)} = {literal(value)}"
        for name, value in key.items()
    )


def _between(column: str, bounds: Mapping[str, Number]) -> str:
    signs = {"min": ">=", "max": "<="}
    # As 64-bit numbers, which the bounds are: DuckDB would round them to the type of the column.
    return " AND ".join(
        f"{quoted(column)}::{_type(bound)} {signs[key]} {literal(bound)}" for key, bound in bounds.items()
    )


def _type(bound: Number) -> str:
    return "HUGEINT" if isinstance(bound, int) else "DOUBLE"
