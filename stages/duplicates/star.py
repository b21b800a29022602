"""Groups of near-duplicates around the clip that is kept of each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from stages.duplicates.nearest import KeptClips
from stages.duplicates.vectors import Rows, VectorFile, Vectors

BLOCK = 2048


def star_groups(
    rows: Rows, vectors: VectorFile, kept: KeptClips, min_cosine: float, progressed: Callable[[int], None]
) -> tuple[Rows, Vectors]:
    """For each of ``rows``, best first, the row that is kept in its place, −1 where it is kept itself, and the cosine.

    A row is kept if its cosine with every row kept before it is below ``min_cosine``; else the most similar one is kept
    in its place. So no two kept ones are duplicates of each other, and each of the others is one of a clip that is
    kept. (Connected components would promise neither: in a chain of small steps the ends have nothing in common.) The
    order of ``rows`` alone decides, not the size of a block.
    """
    keepers = np.full(len(rows), -1, np.int64)
    cosines = np.full(len(rows), -1, np.float32)
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        ours = vectors.read(block)
        keeper, cosine = kept.nearest(ours)
        within = np.tril(ours @ ours.T, -1)
        is_kept = _first_come(cosine < min_cosine, within >= min_cosine)
        inside = np.where(is_kept[None, :], within, -1)
        best = inside.argmax(axis=1)
        nearer = inside[np.arange(len(block)), best] > cosine
        keeper[nearer], cosine[nearer] = block[best[nearer]], inside[nearer, best[nearer]]
        kept.add(block[is_kept], ours[is_kept])
        keepers[start : start + BLOCK] = np.where(is_kept, -1, keeper)
        cosines[start : start + BLOCK] = cosine
        progressed(len(block))
    return keepers, cosines


def _first_come(free: np.ndarray, close: np.ndarray) -> np.ndarray:
    """bool [n]: of the ``free`` ones those that are ``close`` [n, n] (lower triangle) to no kept one before them."""
    is_kept = free.copy()
    for number in np.flatnonzero(free & close.any(axis=1)):
        is_kept[number] = not (close[number] & is_kept).any()
    return is_kept
