"""Which clips to look at: those next to a threshold, and random ones."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from curation.errors import UserError
from curation.filters import ClipTable, ColumnRule
from curation.tune.judge import Judged, Mask, Verdict
from curation.tune.places import Rows

Fate = Literal["kept", "dropped"]
Side = Literal["low", "high"]


def around_threshold(
    table: ClipTable, verdict: Verdict, index: int, side: Side, fate: Fate, *, limit: int, offset: int = 0
) -> Rows:
    """Rows of the clips whose fate hangs on one threshold, the nearest to it first.

    The threshold is the low or the high end of what rule ``index`` keeps; only clips that no other rule drops count.
    "dropped": those just outside of it; "kept": those just inside.

    Raises:
        UserError: the rule has no threshold on that side.
    """
    judged = verdict.rules[index]
    bound = threshold(judged, side)
    if bound is None or not isinstance(judged.resolved.rule, ColumnRule):
        raise UserError(f"{judged.resolved.rule.label}: has no threshold at its {side} end")
    name = judged.resolved.rule.column
    values = table.numbers(name)
    chosen = verdict.kept if fate == "kept" else verdict.only(index) & ~table.missing(name)
    rows = np.flatnonzero(chosen)
    bounds = bound if np.ndim(bound) == 0 else bound[rows]
    distance = values[rows].astype(np.float64) - bounds
    if side == "high":
        distance = -distance
    rows, distance = (rows[distance < 0], -distance[distance < 0]) if fate == "dropped" else (rows, distance)
    return _nearest(rows, distance, offset, limit)


def sample(chosen: Mask, *, seed: int, limit: int) -> Rows:
    """Random rows among those that are chosen; the same for the same seed."""
    rows = np.flatnonzero(chosen)
    if len(rows) <= limit:
        return np.random.default_rng(seed).permutation(rows)
    return rows[np.random.default_rng(seed).choice(len(rows), limit, replace=False)]


def threshold(judged: Judged, side: Side) -> Any:
    """The low or the high end of what a rule keeps: a number, or one for each clip [clips] where it differs between
    groups; None where the rule has none there."""
    rule = judged.resolved.rule
    if not isinstance(rule, ColumnRule):
        return None
    percentiles = judged.resolved.percentiles
    low = side == "low"
    fixed = rule.spec.min if low else rule.spec.max
    if percentiles is not None:
        bounds = percentiles.least if low else percentiles.greatest
        if bounds is not None and len(bounds):
            moving = bounds[0] if len(bounds) == 1 else bounds[percentiles.groups.codes]
            if fixed is None:
                return moving.astype(np.float64)
            return (np.maximum if low else np.minimum)(moving.astype(np.float64), fixed)
    return None if fixed is None else np.float64(fixed)


def _nearest(rows: Rows, distance: npt.NDArray[np.float64], offset: int, limit: int) -> Rows:
    end = offset + limit
    if len(rows) > end:
        near = np.argpartition(distance, end - 1)[:end]
        # Of those that are as far away as the last one, always the same.
        near = np.flatnonzero(distance <= distance[near].max())
        rows, distance = rows[near], distance[near]
    return rows[np.argsort(distance, kind="stable")][offset:end]
