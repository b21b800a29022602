"""How autoencoders tell of a user's mistake."""

from __future__ import annotations

from models.diffusion.errors import DiffusionError


class AutoencoderError(DiffusionError):
    """The weights cannot be had or are not of such a model; one line: what, where, what to do."""
