"""Histograms of one line, in the eighths of a block that terminals have."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from rich.text import Text

from curation.stats.distribution import Histogram

EIGHTHS = " ▁▂▃▄▅▆▇█"


def bars(drawn: Histogram, width: int, kept: tuple[float, float] | None = None) -> Text:
    """A histogram in ``width`` characters: a bin that holds anything shows; the highest fills the line.

    ``kept``: between which values a filter keeps clips; bins whose middle lies outside are red, the others green.
    """
    counts = _merged(drawn.counts, width)
    highest = max(int(counts.max()), 1)
    middles = np.linspace(drawn.edges[0], drawn.edges[-1], 2 * len(counts) + 1)[1::2]
    text = Text()
    for count, middle in zip(counts.tolist(), middles.tolist(), strict=True):
        height = max(1, round(8 * count / highest)) if count else 0
        style = "" if kept is None else "green" if kept[0] <= middle <= kept[1] else "red"
        text.append(EIGHTHS[height], style)
    return text


def _merged(counts: npt.NDArray[np.int64], width: int) -> npt.NDArray[np.int64]:
    """Neighbouring bins together, so that at most ``width`` are left, all of the same size."""
    size = -(-len(counts) // width)
    padded = np.concatenate([counts, np.zeros(-len(counts) % size, counts.dtype)])
    merged: npt.NDArray[np.int64] = padded.reshape(-1, size).sum(axis=1)
    return merged
