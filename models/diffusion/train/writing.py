"""Writing on the main rank, in such a way that every rank learns of it when it fails."""

from __future__ import annotations

import errno
from collections.abc import Callable

from safetensors import SafetensorError

from models.diffusion.errors import DiffusionError
from models.diffusion.train.distributed import World

_FULL = (errno.ENOSPC, errno.EDQUOT)
# What safetensors and torch.distributed.checkpoint make of these.
_FULL_TEXTS = ("No space left", "Disk quota exceeded", "os error 28", "os error 122")


class SaveError(DiffusionError):
    """Something could not be written; what was there before is untouched."""


def on_main(write: Callable[[], object], what: str, world: World) -> None:
    """Write on the main rank; every rank must call.

    Raises:
        SaveError: on every rank, where it failed. ``what``: could not be written, for the message.
    """
    problem = None
    if world.is_main:
        try:
            write()
        except (OSError, SafetensorError) as error:
            problem = reason(error)
    check(problem, what, world)


def check(problem: str | None, what: str, world: World) -> None:
    """Raise `SaveError` on every rank where any has a problem; every rank must call."""
    problem = world.agree(problem)
    if problem is not None:
        raise SaveError(
            f"{what} could not be written: {problem}; checkpoints from before are whole: mend that, and the same "
            "command goes on"
        )


def reason(error: BaseException) -> str:
    """What went wrong in one line; a full disk by its name, however deep it is wrapped."""
    # torch.distributed.checkpoint: of each rank the error and where it arose.
    failures = getattr(error, "failures", {}).values()
    texts = [*(str(one[0] if isinstance(one, tuple) else one) for one in failures), str(error)]
    if getattr(error, "errno", None) in _FULL or any(full in text for full in _FULL_TEXTS for text in texts):
        return "the disk is full"
    return next((line.strip() for text in texts for line in text.splitlines() if line.strip()), type(error).__name__)
