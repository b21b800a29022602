"""A histogram with thresholds drawn into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from curation.report.drawing import CHARACTER, Figure, axes_in
from curation.report.scores import Edges
from curation.report.svg import DROPPED, EDGE, FONT_SIZE, KEPT, to_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.ticker import Locator

Counts = npt.NDArray[np.int64]
# Height of a row of labels.
LABEL = 20


@dataclass(frozen=True)
class Mark:
    """A bound, ``least`` to ``greatest`` (equal for one line), written on its ``outer`` side."""

    least: float
    greatest: float
    label: str
    outer: Literal["left", "right"]


def histogram_figure(
    title: str,
    edges: Edges,
    counts: Counts,
    kept: Counts | None = None,
    marks: Sequence[Mark] = (),
    *,
    description: str,
    is_whole: bool = False,
    width: int = 620,
    height: int = 168,
) -> Figure:
    """``counts``, ``kept``: clips in each bin between ``edges``; ``is_whole``: only integers are written below it;
    ``height``: without the labels of the ``marks``."""
    left, right = 52, 16
    low, high = float(edges[0]), float(edges[-1])
    placed = _placed(marks, low, high, width - left - right)
    top = LABEL * (1 + max((label.row for label in placed), default=0)) + 2
    with axes_in(width, height + top, left=left, right=right, bottom=26, top=top) as (drawn, axes):
        _filled(axes, edges, counts, KEPT if kept is None else DROPPED)
        if kept is not None:
            _filled(axes, edges, kept, KEPT)
        axes.set_xlim(low, high)
        axes.set_ylim(0, 1.02 * max(1, int(counts.max(initial=0))))
        for label in placed:
            _draw(axes, label)
        if is_whole:
            axes.xaxis.set_major_locator(_whole_numbers(10))
        axes.yaxis.set_major_locator(_whole_numbers(4))
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.grid(axis="y")
        return Figure(title, to_svg(drawn, title, description))


def _filled(axes: Axes, edges: Edges, counts: Counts, colour: str) -> None:
    axes.stairs(counts, edges, fill=True, color=colour, linewidth=0)


@dataclass(frozen=True)
class _Placed:
    """A mark within the limits of the axes: its bound, its label and where that begins or ends, in which row above."""

    least: float
    greatest: float
    text: str
    at: float
    is_left: bool
    row: int


def _placed(marks: Sequence[Mark], low: float, high: float, width: float) -> list[_Placed]:
    """Marks beyond the limits stand at the rim, with an arrow; labels that would overlap stand in rows of their own.

    ``width``: of the axes, in pixels.
    """
    placed: list[_Placed] = []
    taken: list[tuple[int, float, float]] = []
    for mark in marks:
        least, greatest = (min(max(value, low), high) for value in (mark.least, mark.greatest))
        text = f"← {mark.label}" if mark.greatest < low else f"{mark.label} →" if mark.least > high else mark.label
        at, room = (least, least - low) if mark.outer == "left" else (greatest, high - greatest)
        is_left = (mark.outer == "left") == (room > 0.25 * (high - low))
        start = width * (at - low) / (high - low) - (CHARACTER * len(text) if is_left else 0)
        end = start + CHARACTER * len(text)
        rows = {row for row, other_start, other_end in taken if start < other_end and other_start < end}
        row = next(row for row in range(len(marks)) if row not in rows)
        taken.append((row, start, end))
        placed.append(_Placed(least, greatest, text, at, is_left, row))
    return placed


def _draw(axes: Axes, mark: _Placed) -> None:
    """A line, or a band between two, with its label above the axes."""
    if mark.least < mark.greatest:
        axes.axvspan(mark.least, mark.greatest, color=EDGE, alpha=0.25, linewidth=0)
    for value in sorted({mark.least, mark.greatest}):
        axes.axvline(value, color=EDGE, linewidth=1.5)
    axes.annotate(
        mark.text,
        (mark.at, axes.get_ylim()[1]),
        (0, 5 + LABEL * mark.row),
        textcoords="offset points",
        ha="right" if mark.is_left else "left",
        va="bottom",
        color=EDGE,
        fontsize=FONT_SIZE,
    )


def _whole_numbers(num: int) -> Locator:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(nbins=num, integer=True)
