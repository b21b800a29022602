"""Rules in SQL: what an expression may be, which columns it reads, and its value for every clip.

Only an expression over one clip is let through, and it is evaluated where no file, no network and no setting can be
reached: a filter may come from elsewhere.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curation.dataset.duck import first_line
from curation.dataset.wide import Column
from curation.errors import UserError

if TYPE_CHECKING:
    import duckdb

# Opening a database takes thirty times as long as reading an expression.
_OF_THREAD = threading.local()
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


def read_expression(expression: str, known: Mapping[str, Column]) -> Reading:
    """What ``expression`` reads of a wide table with the columns ``known``.

    Raises:
        UserError: it is no expression, no truth value, looks at more than one clip, or gives other values each time.
            The message is DuckDB's, in one line.
    """
    import duckdb

    schema = pa.schema([(column.name, column.type) for column in known.values()])
    by_name = {name.casefold(): name for name in known}
    found = _Names()
    try:
        with _seeing(schema.empty_table()) as connection:
            duckdb.SQLExpression(expression)
            query = f"SELECT ({_on_lines_of_its_own(expression)})"
            ((parsed,),) = connection.execute("SELECT json_serialize_sql(?)", [query]).fetchall()
            found.read(json.loads(parsed), frozenset())
            _refuse_changing(found.functions)
            unknown = tuple(name for name in found.columns if name.casefold() not in by_name)
            if not unknown:
                _bind(connection, expression)
    except duckdb.Error as error:
        raise UserError(first_line(error)) from None
    return Reading(tuple(by_name[name.casefold()] for name in found.columns if name not in unknown), unknown)


def truth_values(expression: str, clips: pa.Table) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Whether the expression is true, and whether it is null, for every clip; bool [clips].

    Raises:
        UserError: it fails on a value of some clip.
    """
    import duckdb

    try:
        with _seeing(clips) as connection:
            query = f"SELECT ({_on_lines_of_its_own(expression)}) AS kept FROM clips"
            result = connection.sql(query).to_arrow_table()
    except duckdb.Error as error:
        raise UserError(first_line(error)) from None
    kept = result["kept"].combine_chunks()
    unknown = kept.is_null().to_numpy(zero_copy_only=False)
    return kept.fill_null(False).to_numpy(zero_copy_only=False), unknown


@contextmanager
def _seeing(clips: pa.Table) -> Iterator[duckdb.DuckDBPyConnection]:
    """This thread's database, which reaches nothing outside of itself, with one table: ``clips``."""
    if not hasattr(_OF_THREAD, "database"):
        _OF_THREAD.database = _sealed()
    connection: duckdb.DuckDBPyConnection = _OF_THREAD.database
    connection.register("clips", clips)
    try:
        yield connection
    finally:
        connection.unregister("clips")


def _sealed() -> duckdb.DuckDBPyConnection:
    import duckdb

    connection = duckdb.connect(config={"enable_external_access": "false", "python_enable_replacements": "false"})
    connection.execute("SET enable_progress_bar = false")  # it would go to standard output
    connection.execute("SET lock_configuration = true")
    return connection


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


def _bind(connection: duckdb.DuckDBPyConnection, expression: str) -> None:
    condition = _on_lines_of_its_own(expression)
    connection.sql(f"SELECT 1 FROM clips WHERE ({condition})").fetchall()
    (kind,) = connection.sql(f"SELECT ({condition}) FROM clips").types
    if str(kind) != "BOOLEAN":
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
