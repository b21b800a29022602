"""Which clip of a group is kept, and which clips have the same file: what columns tell before any comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

KEPT_BY = ("width", "height", "start_s", "end_s", "bytes")

if TYPE_CHECKING:
    from curation.dataset.clip_columns import ClipColumns
    from stages.duplicates.vectors import Rows


def best_first(clips: ClipColumns) -> Rows:
    """Positions of all clips, those to be kept first: more pixels, then longer by a tenth of a second, then more bytes
    (less was lost to compression), then the smaller id. The order in which they came has no influence."""
    width, height, start, end, size = (clips.read(name).to_numpy().astype(np.float64) for name in KEPT_BY)
    return np.lexsort((np.arange(len(clips)), -size, np.round(start - end, 1), -width * height))


def contents(clips: ClipColumns) -> np.ndarray:
    """The first 128 bits of each file's SHA-256 as text; empty where it is not known."""
    found = np.zeros(len(clips), "S32")
    for positions, values in clips.blocks("sha256"):
        found[positions] = values.to_numpy(zero_copy_only=False).astype("S32")
    return found


def leaders_of(contents: np.ndarray, states: np.ndarray) -> Rows:
    """For each row the one that stands for all with the same content: one that can be compared, if any can."""
    leaders = np.arange(len(contents))
    known = np.flatnonzero(contents != b"")
    known = known[np.lexsort((known, states[known], contents[known]))]
    if len(known):
        begins = np.append(True, contents[known[1:]] != contents[known[:-1]])
        leaders[known] = known[np.maximum.accumulate(np.where(begins, np.arange(len(known)), 0))]
    return leaders
