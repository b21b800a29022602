"""The console that tables are printed to."""

from __future__ import annotations

import os
import sys

from rich.console import Console

# Columns of a pipe or a file, which have no width of their own: rows stay rows.
WIDTH_ELSEWHERE = 160


def table_console(*, stderr: bool = False) -> Console:
    """As wide as the terminal; as $COLUMNS says, or wide enough for any table, where there is none."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else WIDTH_ELSEWHERE
    return Console(stderr=stderr, width=width, highlight=False)
