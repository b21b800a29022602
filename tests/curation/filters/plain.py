"""Filters as one would write them by hand: a loop over rows in Python. What the engine must agree with."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

Row = Mapping[str, Any]
# Expressions of SQL with what they mean; None where a value is null.
EXPRESSIONS: dict[str, Callable[[Row], bool | None]] = {
    "number > 1.5": lambda row: None if missing(row["number"]) else row["number"] > 1.5,
    "whole IS NULL OR whole < 3": lambda row: missing(row["whole"]) or row["whole"] < 3,
    "flag AND length(text) > 1 -- both": lambda row: _and(
        row["flag"], None if row["text"] is None else len(row["text"]) > 1
    ),
    'coalesce("whole", 0) % 2 = 0': lambda row: (row["whole"] or 0) % 2 == 0,
}


def verdicts(rules: Sequence[Mapping[str, Any]], rows: Sequence[Row]) -> list[list[str]]:
    """Per row what each rule says: "keep", "drop", or "null" when it drops the row for a null."""
    return [[_verdict(rule, row, rows) for rule in rules] for row in rows]


def missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def _verdict(rule: Mapping[str, Any], row: Row, rows: Sequence[Row]) -> str:
    if "sql" in rule:
        kept = EXPRESSIONS[rule["sql"]](row)
        return "null" if kept is None else "keep" if kept else "drop"
    ((column, spec),) = rule.items()
    if missing(row[column]):
        return "keep" if spec.get("nulls") == "keep" else "null"
    return "keep" if all(_holds(key, value, column, spec, row, rows) for key, value in spec.items()) else "drop"


def _holds(key: str, wanted: Any, column: str, spec: Mapping[str, Any], row: Row, rows: Sequence[Row]) -> bool:
    value = row[column]
    if key in ("drop_lowest", "drop_highest"):
        return _outside_tail(key, wanted, column, spec.get("within", []), row, rows)
    tests: dict[str, Callable[[], bool]] = {
        "min": lambda: value >= wanted,
        "max": lambda: value <= wanted,
        "in": lambda: value in wanted,
        "not_in": lambda: value not in wanted,
        "matches": lambda: re.search(wanted, value) is not None,
        "is": lambda: value is wanted,
    }
    return tests[key]() if key in tests else True


def _outside_tail(key: str, percent: str, column: str, within: Sequence[str], row: Row, rows: Sequence[Row]) -> bool:
    group = [other for other in rows if all(_same(other[name], row[name]) for name in within)]
    values = sorted(other[column] for other in group if not missing(other[column]))
    dropped = math.floor(Fraction(percent.rstrip("%")) / 100 * len(values) + Fraction(1, 2))
    dropped = min(dropped, len(values) - 1)
    return row[column] >= values[dropped] if key == "drop_lowest" else row[column] <= values[-1 - dropped]


def _same(one: Any, other: Any) -> bool:
    return (missing(one) and missing(other)) or one == other


def _and(one: bool | None, other: bool | None) -> bool | None:
    if one is False or other is False:
        return False
    return None if one is None or other is None else True
