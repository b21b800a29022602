"""Figures of matplotlib as SVG inside a page: in its font and colours, light and dark, without names of their own."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

# What figures are drawn in, each a colour that the page defines: `var(--ink)` and so on.
INK, MUTED, LINE, KEPT, DROPPED, EDGE = "#0a0001", "#0a0002", "#0a0003", "#0a0004", "#0a0005", "#0a0006"
_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    LINE: "var(--line)",
    KEPT: "var(--kept)",
    DROPPED: "var(--dropped)",
    EDGE: "var(--edge)",
}
FONT_SIZE = 12
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "curation",
    "text.parse_math": False,
    "font.size": FONT_SIZE,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.linewidth": 1.0,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.labelcolor": MUTED,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 1.0,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.major.size": 0,
    "ytick.minor.size": 0,
    "xtick.labelsize": FONT_SIZE - 1,
    "ytick.labelsize": FONT_SIZE - 1,
    "ytick.major.pad": 8,
    "xtick.major.pad": 5,
}
_NAMESPACE = re.compile(r"\{[^}]*\}")
_FAMILY = re.compile(r"\s*font-family:[^;]*;?")
_NO_METADATA = {"Creator": None, "Date": None, "Format": None, "Type": None}


@contextmanager
def canvas(width: float, height: float) -> Iterator[Canvas]:
    """A figure to draw on while the style holds; sizes in pixels of the page."""
    import matplotlib as mpl
    from matplotlib.figure import Figure as Canvas

    with mpl.rc_context(_STYLE):
        yield Canvas(figsize=(width / 72, height / 72))


def to_svg(drawn: Canvas, title: str, description: str) -> str:
    """An ``<svg>`` element of HTML; to be called inside of `canvas`. ``description`` is what a screen reader says.

    Texts stay texts, in the font of the page. No name, address or style reaches beyond the element. Nothing is clipped.
    """
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # The font of the page has what the one that texts are measured with may lack.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        drawn.savefig(buffer, format="svg", transparent=True, metadata=_NO_METADATA)
    root = ElementTree.fromstring(buffer.getvalue())
    for element in root.iter():
        _make_local(element)
    for definitions in root.findall("defs"):  # a style that would hold for the whole page, and clipping paths
        root.remove(definitions)
    root.attrib = {"viewBox": root.attrib["viewBox"], "role": "img", "aria-label": f"{title}. {description}"}
    return ElementTree.tostring(root, encoding="unicode")


def _make_local(element: ElementTree.Element) -> None:
    element.tag = _NAMESPACE.sub("", element.tag)
    element.tail = None
    if element.tag != "text":
        element.text = None
    attributes = {}
    for name, value in element.attrib.items():
        name = _NAMESPACE.sub("", name)
        if name in ("id", "clip-path") or value.startswith("rotate(-0 "):
            continue
        if name == "style":
            value = _FAMILY.sub("", value)
            for colour, variable in _VARIABLES.items():
                value = value.replace(colour, variable)
        attributes[name] = " ".join(value.split())
    element.attrib = attributes
