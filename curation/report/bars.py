"""Horizontal bars, one for each value of something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from curation.report.drawing import CHARACTER, Figure, axes_in
from curation.report.svg import DROPPED, FONT_SIZE, INK, KEPT, MUTED, to_svg
from curation.report.text import clipped

ROW = 26
LONGEST_LABEL = 44


@dataclass(frozen=True)
class Bar:
    """``label`` on the left; ``kept`` of ``total`` in full colour, None: all of it; ``told`` on the right."""

    label: str
    total: float
    kept: float | None
    told: str


def bars_figure(title: str, bars: Sequence[Bar], *, width: int, most_label: int = LONGEST_LABEL) -> Figure:
    """A bar for each row, the first on top."""
    labels = [clipped(bar.label, most_label) for bar in bars]
    left = 18 + CHARACTER * max(map(len, labels), default=0)
    right = 16 + CHARACTER * max((len(bar.told) for bar in bars), default=0)
    description = "; ".join(f"{label}: {bar.told}" for label, bar in zip(labels, bars, strict=True)) or "nothing"
    with axes_in(width, max(1, len(bars)) * ROW + 8, left=left, right=right, bottom=4, top=4) as (drawn, axes):
        places = np.arange(len(bars))
        totals = np.array([bar.total for bar in bars])
        kept = np.array([bar.total if bar.kept is None else bar.kept for bar in bars])
        axes.barh(places, totals, 0.56, color=DROPPED, linewidth=0)
        axes.barh(places, kept, 0.56, color=KEPT, linewidth=0)
        reach = max(totals.max(initial=0), 1e-12)
        axes.set_xlim(0, reach)
        axes.set_ylim(len(bars) - 0.5, -0.5)
        axes.set_xticks([])
        axes.set_yticks(places, labels, color=INK, fontsize=FONT_SIZE)
        axes.spines["bottom"].set_visible(False)
        for place, bar in enumerate(bars):
            axes.text(reach * (1 + 8 / (width - left - right)), place, bar.told, va="center", color=MUTED)
        return Figure(title, to_svg(drawn, title, description))
