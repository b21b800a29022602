"""How reading of training data tells of a user's mistake."""

from __future__ import annotations

from models.diffusion.errors import DiffusionError


class DataError(DiffusionError):
    """Shards or their latents cannot be used; one line: what, where, what to do."""


class ClipError(Exception):
    """One clip cannot be read; another takes its place."""
