"""The other side of `curation.filters.sealed`: a DuckDB that reaches nothing outside of itself. Run as a program.

A question is a line of JSON (query, seconds) and a table as an Arrow stream; so is the answer (types, or error or
out_of_memory without a table). DuckDB looks seldom whether it is to stop: so not it is stopped but this process, by the
alarm, which also ends one whose parent has died.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from typing import Any

import duckdb
import pyarrow as pa

OUT_OF_MEMORY = 77


def main(memory_bytes: int) -> None:
    """Answer until there are no more questions."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    connection = _sealed(memory_bytes)
    questions, answers = sys.stdin.buffer, sys.stdout.buffer
    while line := questions.readline():
        question = json.loads(line)
        clips = pa.ipc.open_stream(questions).read_all()
        told, rows = _answer(connection, clips, question["query"], question["seconds"])
        answers.write(json.dumps(told).encode() + b"\n")
        if rows is not None:
            with pa.ipc.new_stream(answers, rows.schema) as stream:
                stream.write_table(rows)
        answers.flush()


def _sealed(memory_bytes: int) -> duckdb.DuckDBPyConnection:
    closed = {"enable_external_access": "false", "python_enable_replacements": "false"}
    connection = duckdb.connect(config={**closed, "memory_limit": f"{memory_bytes}B"})
    connection.execute("SET enable_progress_bar = false")  # it would go to standard output
    connection.execute("SET lock_configuration = true")
    return connection


def _answer(
    connection: duckdb.DuckDBPyConnection, clips: pa.Table, query: str, seconds: float
) -> tuple[dict[str, Any], pa.Table | None]:
    connection.register("clips", clips)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        relation = connection.sql(query)
        return {"types": [str(kind) for kind in relation.types]}, relation.to_arrow_table()
    except (duckdb.OutOfMemoryException, MemoryError):
        return {"out_of_memory": True}, None
    except duckdb.Error as error:
        return {"error": str(error) or type(error).__name__}, None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        connection.unregister("clips")


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]))
    except MemoryError:
        sys.exit(OUT_OF_MEMORY)
