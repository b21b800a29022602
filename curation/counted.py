"""Numbers of things, as they are read aloud."""

from __future__ import annotations


def counted(number: int, thing: str) -> str:
    """``1 clip``, ``1,000 clips``; ``thing``: a noun that takes an s."""
    return f"{number:,} {thing}{'s' * (number != 1)}"
