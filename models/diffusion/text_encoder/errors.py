"""How encoders of captions and pictures tell of a user's mistake."""

from __future__ import annotations

from models.diffusion.errors import DiffusionError


class EncoderError(DiffusionError):
    """The weights cannot be had or are not of such a model; one line: what, where, what to do."""
