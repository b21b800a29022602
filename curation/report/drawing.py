"""What all figures of a report are made with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from curation.report.svg import canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

# Pixels that a character of a label takes, about.
CHARACTER = 6.8


@dataclass(frozen=True)
class Figure:
    """``svg``: an element of HTML with the text alternative in it; ``title``: what it shows."""

    title: str
    svg: str


@contextmanager
def axes_in(
    width: float, height: float, *, left: float, right: float, bottom: float, top: float
) -> Iterator[tuple[Canvas, Axes]]:
    """Axes with margins, all in pixels."""
    with canvas(width, height) as drawn:
        sides = left / width, bottom / height, max(0.05, 1 - (left + right) / width), 1 - (bottom + top) / height
        yield drawn, drawn.add_axes(sides)
