"""How this package tells of a user's mistake."""

from __future__ import annotations


class DiffusionError(ValueError):
    """The request cannot be met; one line: what, where, what to do."""
