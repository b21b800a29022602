"""Clips that repeat others, where a stage has looked for them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from curation.filters.funnel import Amount
from curation.filters.table import ClipTable, Mask

DUPLICATE_OF, SIMILARITY = "duplicate_of", "duplicate_similarity"
PAIRS = 6


@dataclass(frozen=True)
class Pair:
    """A clip and the one that it repeats: its place in the table and the other's clip_id."""

    clip: int
    original: str
    similarity: float | None


@dataclass(frozen=True)
class DuplicateFacts:
    """``number``: clips that repeat one of ``originals`` others; ``kept``: those of them that a filter keeps, None
    without one; ``pairs``: the least alike."""

    number: Amount
    originals: int
    kept: Amount | None
    pairs: list[Pair]


def duplicate_facts(table: ClipTable, kept: Mask | None) -> DuplicateFacts | None:
    """None where no stage has written `DUPLICATE_OF`."""
    if DUPLICATE_OF not in table.columns:
        return None
    repeats = ~table.missing(DUPLICATE_OF)
    places = np.flatnonzero(repeats)
    has_similarity = SIMILARITY in table.columns
    similarity = table.numbers(SIMILARITY) if has_similarity else np.zeros(len(table))
    least = places[np.argsort(similarity[places], kind="stable")[:PAIRS]]
    originals = table.values(DUPLICATE_OF)
    pairs = [
        Pair(place, originals[place].as_py(), float(similarity[place]) if has_similarity else None)
        for place in least.tolist()
    ]
    return DuplicateFacts(
        _amount(repeats, table),
        int(pc.count_distinct(originals).as_py()),
        None if kept is None else _amount(repeats & kept, table),
        pairs,
    )


def _amount(clips: Mask, table: ClipTable) -> Amount:
    return Amount(int(np.count_nonzero(clips)), float(table.seconds[clips].sum()))
