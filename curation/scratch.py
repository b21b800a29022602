"""The scratch folder (TMPDIR): there sources are copied to, and clips written before they are published."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from curation.errors import DiskFullError

_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})


def raise_if_disk_full(error: BaseException) -> None:
    """Raise `DiskFullError` when an error of the system or of FFmpeg says that no space, or no quota, is left."""
    if getattr(error, "errno", None) in _NO_SPACE:
        raise DiskFullError(
            f"no space left in the scratch folder {tempfile.gettempdir()}; free some there, or set TMPDIR to a folder"
            " on a larger disk, and give the same command again"
        ) from error


@contextmanager
def scratch_space() -> Iterator[None]:
    """Around what writes to the scratch folder.

    Raises:
        DiskFullError: no space is left there.
    """
    try:
        yield
    except OSError as error:
        raise_if_disk_full(error)
        raise
