"""One type per column of a table whose parts were written at different times."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import pyarrow as pa

Kind = Literal["number", "text", "truth value", "other"]


def common_schema(schemas: Sequence[pa.Schema]) -> pa.Schema:
    """All columns of all schemas, in order of appearance, each with a type that holds the values of all.

    Numbers become the wider kind of number; numbers, truth values and texts among each other become text.

    Raises:
        pyarrow.ArrowException: lists or structs of different kinds stand in one column.
    """
    types: dict[str, list[pa.DataType]] = {}
    for schema in schemas:
        for field in schema:
            types.setdefault(field.name, []).append(field.type)
    return pa.schema([(name, _common_type(found)) for name, found in types.items()])


def conform(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """The rows with the columns of ``schema``, which has all that they have: others are null."""
    columns = [
        _as_type(rows[field.name], field.type)
        if field.name in rows.column_names
        else pa.nulls(rows.num_rows, field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def as_text(value: Any) -> str:
    """A value of a manifest as text: lists, objects and truth values as JSON, dates in ISO 8601."""
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, bool | list | dict) else str(value)


def kind_of(column: pa.DataType) -> Kind:
    """What can be asked of the values of a column."""
    types = pa.types
    if types.is_integer(column) or types.is_floating(column) or types.is_decimal(column):
        return "number"
    if types.is_string(column) or types.is_large_string(column) or types.is_string_view(column):
        return "text"
    return "truth value" if types.is_boolean(column) else "other"


def _common_type(types: Iterable[pa.DataType]) -> pa.DataType:
    distinct = list(dict.fromkeys(types))
    try:
        one_column = pa.unify_schemas([pa.schema([("", kind)]) for kind in distinct], promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        if any(pa.types.is_nested(kind) or pa.types.is_dictionary(kind) for kind in distinct):
            raise
        return pa.string()
    return one_column.field(0).type


def _as_type(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray | pa.Array:
    if column.type == kind:
        return column
    if pa.types.is_string(kind) and not pa.types.is_large_string(column.type):
        return pa.array([None if value is None else as_text(value) for value in column.to_pylist()], kind)
    return column.cast(kind, safe=False)
