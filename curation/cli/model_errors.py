"""What the trainer and the sampler say of a user's mistake, as an error of the program."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from curation.errors import UserError


@contextmanager
def telling_model_errors() -> Iterator[None]:
    """For code of `models.diffusion`: its errors become `UserError`."""
    from models.diffusion.errors import DiffusionError

    try:
        yield
    except DiffusionError as error:
        raise UserError(str(error)) from error
