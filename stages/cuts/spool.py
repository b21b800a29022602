"""Thumbnails of a whole video on disk: a three-hour film at 60 frames per second takes 2 GB there, none in memory."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np

from curation.scratch import scratch_space
from stages.cuts.thumbnail import THUMBNAIL_SIZE, Thumbnail, Thumbnails

BUFFER = 256 * THUMBNAIL_SIZE


class ThumbnailSpool:
    """Append-only store in a temporary file below ``directory`` that has no name and vanishes with the process.

    Raises:
        DiskFullError: no space is left.
    """

    def __init__(self, directory: Path) -> None:
        with scratch_space():
            self._file = tempfile.TemporaryFile(buffering=BUFFER, dir=directory)  # noqa: SIM115 - closed by close()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, thumb: Thumbnail) -> None:
        """Add the thumbnail of the next frame."""
        with scratch_space():
            self._file.write(thumb.data)
        self._count += 1

    def read(self, start: int, end: int) -> Thumbnails:
        """uint8 [n, THUMBNAIL_SIZE]: the frames start … end, cut off at both ends of the video."""
        start, end = max(0, start), min(end, self._count)
        with scratch_space():
            self._file.flush()
        data = os.pread(self._file.fileno(), max(0, end - start) * THUMBNAIL_SIZE, start * THUMBNAIL_SIZE)
        return np.frombuffer(data, np.uint8).reshape(-1, THUMBNAIL_SIZE)

    def close(self) -> None:
        """Give the disk space back. What is not written by now is not wanted either."""
        with suppress(OSError):
            self._file.close()
