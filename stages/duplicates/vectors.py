"""Vectors of all clips in one scratch file, so that memory does not bound how many there are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]
Vectors = npt.NDArray[np.float32]


class VectorFile:
    """``count`` vectors of length 1 by row, as float16 (a cosine of two is right to 1e-4). Rows that were not written
    are zeros. The file is mapped for each access only: its pages never count as memory of this process."""

    def __init__(self, path: Path, count: int, dimension: int) -> None:
        """Reserves the space on disk. Raises OSError where there is none."""
        self.dimension = dimension
        self._path = path
        self._shape = (count, dimension)
        with path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, 2 * count * dimension)

    def write(self, rows: Rows, vectors: Vectors) -> None:
        """Store ``vectors`` [n, dimension], scaled to length 1; those of length 0 stay 0."""
        self._mapped("r+")[rows] = normalised(vectors)

    def read(self, rows: Rows) -> Vectors:
        """float32 [len(rows), dimension]."""
        return normalised(np.asarray(self._mapped("r")[rows], np.float32))

    def _mapped(self, mode: Literal["r", "r+"]) -> npt.NDArray[np.float16]:
        return np.memmap(self._path, np.float16, mode, shape=self._shape)


def normalised(vectors: Vectors) -> Vectors:
    """Each row scaled to length 1; zeros stay zeros."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Vectors = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return scaled
