"""DuckDB over the Parquet parts of a dataset, local or on any fsspec URL."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from curation.dataset.storage import Storage

if TYPE_CHECKING:
    import duckdb

_GLOB = re.compile(r"[*?\[]")


def connect(storage: Storage) -> duckdb.DuckDBPyConnection:
    """A connection of its own, in memory, that reads the files of ``storage``."""
    import duckdb

    # What does not fit into memory is spilled there; DuckDB's own choice is the working directory.
    spill = str(Path(tempfile.gettempdir()) / "curation-duckdb")
    connection = duckdb.connect(config={"temp_directory": spill})
    connection.execute("SET enable_progress_bar = false")  # it would go to standard output
    if not storage.is_local:
        connection.register_filesystem(storage.fs)
    return connection


def scan(storage: Storage, parts: Sequence[str]) -> str:
    """The rows of Parquet files as a table of SQL: by column name, with nulls where a file lacks a column."""
    files = ", ".join(literal(_GLOB.sub(r"[\g<0>]", storage.url_of(part))) for part in parts)
    return f"read_parquet([{files}], union_by_name = true, hive_partitioning = false)"


def quoted(name: str) -> str:
    """A name as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str | bool | int | float) -> str:
    """A value as it stands in SQL, numbers to the last digit.

    Raises:
        TypeError: a value of another kind.
    """
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        text = repr(value)
        return text if "e" in text else f"{text}e0"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    raise TypeError(f"no literal of SQL for {type(value).__name__}")


def first_line(error: Exception | str) -> str:
    """What DuckDB says, without the kind of error before it and the excerpt after it."""
    text = (str(error).splitlines() or [type(error).__name__])[0]
    return text.partition("Error: ")[2] or text
