"""The figures of a report. Each says in words what it shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from curation.cli.amounts import Lengths, number, share
from curation.filters.funnel import Funnel
from curation.report.scores import Edges, Score
from curation.report.svg import DROPPED, EDGE, FONT_SIZE, INK, KEPT, MUTED, canvas, to_svg
from curation.report.text import clipped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas
    from matplotlib.ticker import Locator

Counts = npt.NDArray[np.int64]
ROW = 26
LONGEST_LABEL = 44
# Pixels that a character of a label takes, about.
CHARACTER = 6.4


@dataclass(frozen=True)
class Figure:
    """``svg``: an element of HTML with the text alternative in it; ``title``: what it shows."""

    title: str
    svg: str


@dataclass(frozen=True)
class Mark:
    """A bound, ``least`` to ``greatest`` (equal for one line), written on its ``outer`` side."""

    least: float
    greatest: float
    label: str
    outer: Literal["left", "right"]


@dataclass(frozen=True)
class Bar:
    """``label`` on the left; ``kept`` of ``total`` in full colour, None: all of it; ``told`` on the right."""

    label: str
    total: float
    kept: float | None
    told: str


def histogram_figure(
    title: str,
    edges: Edges,
    counts: Counts,
    kept: Counts | None = None,
    marks: Sequence[Mark] = (),
    *,
    description: str,
    width: int = 620,
    height: int = 190,
) -> Figure:
    """``counts``, ``kept``: clips in each bin between ``edges``."""
    with _axes(width, height, left=52, right=16, bottom=26, top=22) as (drawn, axes):
        _filled(axes, edges, counts, KEPT if kept is None else DROPPED)
        if kept is not None:
            _filled(axes, edges, kept, KEPT)
        low, high = float(edges[0]), float(edges[-1])
        top = max(1, int(counts.max(initial=0)))
        axes.set_xlim(low, high)
        axes.set_ylim(0, 1.02 * top)
        for mark in marks:
            _draw(axes, low, high, mark)
        axes.yaxis.set_major_locator(_whole_numbers())
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.grid(axis="y")
        return Figure(title, to_svg(drawn, title, description))


def bars_figure(title: str, bars: Sequence[Bar], *, width: int = 460, most_label: int = LONGEST_LABEL) -> Figure:
    """A bar for each row, the first on top."""
    labels = [clipped(bar.label, most_label) for bar in bars]
    left = 16 + CHARACTER * max(map(len, labels), default=0)
    right = 16 + CHARACTER * max((len(bar.told) for bar in bars), default=0)
    description = "; ".join(f"{label}: {bar.told}" for label, bar in zip(labels, bars, strict=True)) or "nothing"
    with _axes(width, max(1, len(bars)) * ROW + 8, left=left, right=right, bottom=4, top=4) as (drawn, axes):
        places = np.arange(len(bars))
        totals = np.array([bar.total for bar in bars])
        kept = np.array([bar.total if bar.kept is None else bar.kept for bar in bars])
        axes.barh(places, totals, 0.56, color=DROPPED, linewidth=0)
        axes.barh(places, kept, 0.56, color=KEPT, linewidth=0)
        reach = max(totals.max(initial=0), 1e-12)
        axes.set_xlim(0, reach)
        axes.set_ylim(len(bars) - 0.5, -0.5)
        axes.set_xticks([])
        axes.set_yticks(places, labels, color=INK)
        axes.spines["bottom"].set_visible(False)
        for place, bar in enumerate(bars):
            axes.text(reach * (1 + 8 / (width - left - right)), place, bar.told, va="center", color=MUTED)
        return Figure(title, to_svg(drawn, title, description))


def score_figure(score: Score) -> Figure:
    """The histogram of a score with its thresholds."""
    title = f"Histogram of {clipped(score.name, 60)}"
    found = score.distribution
    said = [f"{found.count:,} clips from {_number(found.minimum)} to {_number(found.maximum)}"]
    if found.quantiles is not None:
        said.append(f"half of them between {number(found.quantiles[1])} and {number(found.quantiles[3])}")
    if score.kept is not None:
        said.append(f"{int(score.kept.sum()):,} kept by the filter")
    said += [f"threshold {threshold.label}" for threshold in score.thresholds]
    marks = [
        Mark(bound.least, bound.greatest, bound.label, "left" if bound.side == "min" else "right")
        for bound in score.thresholds
    ]
    return histogram_figure(title, score.edges, score.counts, score.kept, marks, description=", ".join(said))


def funnel_figure(funnel: Funnel) -> Figure:
    """What is left after each rule, and what the rule drops at its place."""
    lengths, whole = Lengths(funnel.total.seconds), funnel.total.clips
    bars = [Bar("all clips", whole, whole, f"{whole:,} · {lengths(funnel.total.seconds)}")]
    for row in funnel.rows:
        told = f"{row.left.clips:,} · {share(row.left.clips, whole)} · {lengths(row.left.seconds)}"
        bars.append(Bar(row.label, row.left.clips + row.here.clips, row.left.clips, told))
    return bars_figure("Clips left after each rule", bars, width=940)


def hours_figure(rows: Sequence[tuple[str, float]]) -> Figure:
    """Lengths of the sources, of the clips, of what is kept; each a label and seconds."""
    longest = max((seconds for _, seconds in rows), default=0.0)
    lengths = Lengths(longest)
    bars = [Bar(label, longest, seconds, f"{lengths(seconds)} · {share(seconds, longest)}") for label, seconds in rows]
    return bars_figure("Length of video, in and out", bars, width=940)


@contextmanager
def _axes(
    width: float, height: float, *, left: float, right: float, bottom: float, top: float
) -> Iterator[tuple[Canvas, Axes]]:
    """Axes with margins, all in pixels."""
    with canvas(width, height) as drawn:
        sides = left / width, bottom / height, max(0.05, 1 - (left + right) / width), 1 - (bottom + top) / height
        yield drawn, drawn.add_axes(sides)


def _filled(axes: Axes, edges: Edges, counts: Counts, colour: str) -> None:
    axes.stairs(counts, edges, fill=True, color=colour, linewidth=0)


def _draw(axes: Axes, low: float, high: float, mark: Mark) -> None:
    """A line, or a band between two, with its label on top; at the rim, with an arrow, where it lies beyond."""
    least, greatest = (min(max(value, low), high) for value in (mark.least, mark.greatest))
    label = f"← {mark.label}" if mark.greatest < low else f"{mark.label} →" if mark.least > high else mark.label
    if least < greatest:
        axes.axvspan(least, greatest, color=EDGE, alpha=0.25, linewidth=0)
    for value in {least, greatest}:
        axes.axvline(value, color=EDGE, linewidth=1.5)
    at, room = (least, least - low) if mark.outer == "left" else (greatest, high - greatest)
    writes_left = (mark.outer == "left") == (room > 0.25 * (high - low))
    axes.annotate(
        label,
        (at, axes.get_ylim()[1]),
        (0, 5),
        textcoords="offset points",
        ha="right" if writes_left else "left",
        va="bottom",
        color=EDGE,
        fontsize=FONT_SIZE,
    )


def _whole_numbers() -> Locator:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(nbins=4, integer=True)


def _number(value: float | None) -> str:
    return "–" if value is None else number(value)
