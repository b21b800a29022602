"""The same threshold as a value and as a percentile."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

import numpy as np

from curation.errors import UserError
from curation.filters import ClipTable
from curation.filters.percent import WHOLE, Share
from curation.filters.ranking import Ranking
from curation.filters.spec import ColumnSpec

_KEYS = {"min": "drop_lowest", "max": "drop_highest"}


def to_percentiles(table: ClipTable, column: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """``spec`` with percentiles in the place of ``min`` and ``max``: the shortest ones that keep the same clips.

    Ties and the limits of what a percentile can say (it never drops all clips) can make them keep others.
    """
    ranking = table.ranking(column, ())
    count = len(ranking.ordered)
    converted = dict(spec)
    for key, other in _KEYS.items():
        if key not in converted:
            continue
        bound = float(converted.pop(key))
        ordered = ranking.ordered.astype(np.float64)
        dropped = (
            int(np.searchsorted(ordered, bound))
            if key == "min"
            else count - int(np.searchsorted(ordered, bound, side="right"))
        )
        share = _shortest_share(dropped, count)
        if share is not None:
            converted[other] = str(share)
    return _checked(converted, spec)


def to_values(table: ClipTable, column: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """``spec`` with ``min`` and ``max`` in the place of percentiles: the shortest numbers that keep the same clips.

    Raises:
        UserError: the percentiles are those of groups, so that no one number stands for them.
    """
    if spec.get("within"):
        raise UserError(f"{column}: percentiles within groups are many numbers; take within away first")
    ranking = table.ranking(column, ())
    written = ColumnSpec.model_validate(dict(spec))
    converted = {key: value for key, value in spec.items() if key not in _KEYS.values()}
    if len(ranking.ordered):
        if written.drop_lowest is not None:
            bound = _above_the_one_before(ranking, ranking.least_kept(written.drop_lowest)[0])
            converted["min"] = max(bound, spec.get("min", bound))
        if written.drop_highest is not None:
            bound = _below_the_one_after(ranking, ranking.greatest_kept(written.drop_highest)[0])
            converted["max"] = min(bound, spec.get("max", bound))
    return _checked(converted, spec)


def _checked(converted: dict[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    """A rule that dropped no clip by its bounds still drops nulls."""
    if not converted.keys() - {"nulls", "within"}:
        if spec.get("nulls") == "keep":
            raise UserError("the threshold drops no clip; there is nothing to switch")
        converted["not_null"] = True
    return converted


def _shortest_share(dropped: int, count: int) -> Share | None:
    """The percentage with the fewest decimals that drops so many of ``count`` values; None for 0."""
    if not dropped:
        return None
    share = Share(0)
    for decimals in range(7):
        step = WHOLE // 100 // 10**decimals
        share = Share(min(round(dropped / count * WHOLE / step) * step, WHOLE - step))
        if int(share.of(np.array([count]))[0]) == dropped:
            break
    return share


def _above_the_one_before(ranking: Ranking, least: Any) -> int | float:
    """The shortest number that is at most ``least``, and more than every value below it."""
    place = int(np.searchsorted(ranking.ordered, least))
    below = ranking.ordered[place - 1].item() if place else None
    return _shortest(least.item(), below, ROUND_FLOOR)


def _below_the_one_after(ranking: Ranking, greatest: Any) -> int | float:
    place = int(np.searchsorted(ranking.ordered, greatest, side="right"))
    above = ranking.ordered[place].item() if place < len(ranking.ordered) else None
    return _shortest(greatest.item(), above, ROUND_CEILING)


def _shortest(bound: int | float, beyond: int | float | None, rounding: str) -> int | float:
    """``bound`` with as few digits as keep it on its side of ``beyond``; None: nothing lies there."""
    if isinstance(bound, int):
        return bound
    exact = Decimal(bound)
    for digits in range(2 if beyond is None else 1, 17):
        if not exact:
            break
        quantum = Decimal(1).scaleb(exact.adjusted() - digits + 1)
        rounded = float(exact.quantize(quantum, rounding=rounding))
        outside = rounded > bound if rounding == ROUND_FLOOR else rounded < bound
        reaches = beyond is not None and (rounded <= beyond if rounding == ROUND_FLOOR else rounded >= beyond)
        if not outside and not reaches:
            return rounded
    return float(bound)
