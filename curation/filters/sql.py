"""Rules in SQL: what an expression may be, which columns it reads, and its value for every clip.

Only an expression over one clip is let through, and it is evaluated where no file, no network and no setting can be
reached, and for so long only: a filter may come from elsewhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curation.dataset.duck import first_line
from curation.dataset.wide import Column
from curation.errors import UserError
from curation.filters.once import Once
from curation.filters.sealed import sealed

READINGS_KEPT = 256
# What DuckDB calls consistent though it tells the time; age() does so with one argument.
_OF_THE_TIME = frozenset({"current_localtime", "current_localtimestamp", "current_timestamp", "current_date"})
_AGE = "age"
_WORD = re.compile(r"\w+")
_REFUSED = {
    "SUBQUERY": "no query can stand in a rule; it looks at one clip at a time",
    "STAR": "name the columns instead of *",
    "WINDOW": "a rule looks at one clip at a time; for percentiles use drop_lowest or drop_highest",
    "PARAMETER": "a rule has no parameters (?, $1)",
}


@dataclass(frozen=True)
class Reading:
    """The columns that an expression reads: those that there are, and the names that are unknown."""

    columns: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def read_expression(expression: str, known: Mapping[str, Column], seconds: float) -> Reading:
    """What ``expression`` reads of a wide table with the columns ``known``. ``seconds``: how long it may take to
    find out: DuckDB computes what is constant in it.

    Raises:
        UserError: it is no expression, no truth value, looks at more than one clip, gives other values each time, or
            takes too much time or memory. What is DuckDB's message is one line.
    """
    return _readings(expression, tuple((column.name, column.type) for column in known.values()), seconds)


def truth_values(
    expression: str, clips: pa.Table, seconds: float
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Whether the expression is true, and whether it is null, for every clip; bool [clips].

    Raises:
        UserError: it fails on a value of some clip; it takes longer than ``seconds``, or too much memory.
    """
    rows = sealed().ask(f"SELECT ({_on_lines_of_its_own(expression)}) AS kept FROM clips", clips, seconds).rows
    kept = rows["kept"].combine_chunks()
    unknown = kept.is_null().to_numpy(zero_copy_only=False)
    return kept.fill_null(False).to_numpy(zero_copy_only=False), unknown


def _read(expression: str, columns: tuple[tuple[str, pa.DataType], ...], seconds: float) -> Reading:
    import duckdb

    by_name = {name.casefold(): name for name, _ in columns}
    found = _Names()
    try:
        duckdb.SQLExpression(expression)
        query = f"SELECT ({_on_lines_of_its_own(expression)})"
        ((parsed,),) = duckdb.connect().execute("SELECT json_serialize_sql(?)", [query]).fetchall()
    except duckdb.Error as error:
        raise UserError(first_line(error)) from None
    found.read(json.loads(parsed), frozenset())
    _refuse_changing(found.functions)
    unknown = tuple(name for name in found.columns if name.casefold() not in by_name)
    if not unknown:
        _bind(expression, pa.schema(columns).empty_table(), seconds)
    return Reading(tuple(by_name[name.casefold()] for name in found.columns if name not in unknown), unknown)


_readings = Once(_read, READINGS_KEPT)


@cache
def _changing_functions() -> frozenset[str]:
    """Functions that give other values each time, or elsewhere, and macros that call one."""
    import duckdb

    told = duckdb.connect().sql("FROM duckdb_functions()")
    changing = told.filter("stability <> 'CONSISTENT'").project("function_name").fetchall()
    macros = told.filter("function_type = 'macro'").project("function_name, macro_definition").fetchall()
    found = {name.casefold() for (name,) in changing} | _OF_THE_TIME
    while True:
        calling = {name.casefold() for name, body in macros if not found.isdisjoint(_WORD.findall(body.casefold()))}
        if calling <= found:
            return frozenset(found)
        found |= calling


def _on_lines_of_its_own(expression: str) -> str:
    """So that a comment at its end hides nothing."""
    return f"\n{expression}\n"


def _bind(expression: str, clips: pa.Table, seconds: float) -> None:
    condition = _on_lines_of_its_own(expression)
    sealed().ask(f"SELECT 1 FROM clips WHERE ({condition})", clips, seconds)
    (kind,) = sealed().ask(f"SELECT ({condition}) FROM clips", clips, seconds).types
    if kind != "BOOLEAN":
        raise UserError(f"should be true or false for each clip, and is a value of type {kind}")


def _refuse_changing(functions: Mapping[str, None]) -> None:
    for name in functions:
        if name.casefold() in _changing_functions():
            raise UserError(f"{name}() gives other values each time; a filter must give the same clips again")


@dataclass
class _Names:
    """Names in a syntax tree as DuckDB serialises it, in order of appearance."""

    columns: dict[str, None] = field(default_factory=dict)
    functions: dict[str, None] = field(default_factory=dict)

    def read(self, node: Any, bound: frozenset[str]) -> None:
        """``bound``: parameters of the lambdas around the node."""
        if isinstance(node, list):
            for item in node:
                self.read(item, bound)
        if not isinstance(node, dict):
            return
        if node.get("error") is True:
            raise UserError(str(node.get("error_message")))
        kind = node.get("class")
        if kind in _REFUSED:
            raise UserError(_REFUSED[kind])
        if kind == "COLUMN_REF":
            self._column(node["column_names"], bound)
        if kind == "FUNCTION":
            self._function(str(node["function_name"]), node.get("arguments", node.get("children")))
        if kind == "LAMBDA":
            bound |= frozenset(_names_in(node.get("lhs")))
        for value in node.values():
            self.read(value, bound)

    def _function(self, name: str, arguments: Any) -> None:
        if name.casefold() == _AGE and len(arguments or ()) == 1:
            raise UserError(f"{_AGE}() of one time counts up to today; give it two")
        self.functions[name] = None

    def _column(self, names: list[str], bound: frozenset[str]) -> None:
        """``clips.motion_score``, ``motion_score``, or a field of a struct: ``column.field``."""
        name = names[1] if len(names) > 1 and names[0].casefold() == "clips" else names[0]
        if name not in bound:
            self.columns[name] = None


def _names_in(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from node.get("column_names", ())
        for value in node.values():
            yield from _names_in(value)
    elif isinstance(node, list):
        for item in node:
            yield from _names_in(item)
