"""The figures of a report. Each says in words what it shows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from curation.filters.funnel import Funnel
from curation.report.bars import Bar, bars_figure
from curation.report.captions import MOST_WORDS, CaptionFacts
from curation.report.clips import Kinds
from curation.report.drawing import Figure
from curation.report.histogram import Mark, histogram_figure
from curation.report.scores import Score, bin_edges, counted
from curation.report.text import clipped
from curation.report.videos import Count
from curation.stats.amounts import Lengths, number, share
from curation.stats.distribution import distribution

WIDE, NARROW = 800, 460
MOST_BARS = 8
NARROW_LABEL = 24
NONE = "not known"


def score_figure(score: Score) -> Figure | None:
    """The histogram of a score with its thresholds; None where no clip has a value."""
    if not len(score.edges):
        return None
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
    words = ", ".join(said)
    return histogram_figure(
        title, score.edges, score.counts, score.kept, marks, description=words, is_whole=score.is_whole
    )


def funnel_figure(funnel: Funnel) -> Figure:
    """What is left after each rule, and what the rule drops at its place."""
    lengths, whole = Lengths(funnel.total.seconds), funnel.total.clips
    bars = [Bar("all clips", whole, whole, f"{whole:,} · {lengths(funnel.total.seconds)}")]
    for row in funnel.rows:
        told = f"{row.left.clips:,} · {share(row.left.clips, whole)} · {lengths(row.left.seconds)}"
        bars.append(Bar(row.label, row.left.clips + row.here.clips, row.left.clips, told))
    return bars_figure("Clips left after each rule", bars, width=WIDE)


def hours_figure(rows: Sequence[tuple[str, float]]) -> Figure:
    """Lengths of the sources, of the clips, of what is kept; each a label and seconds."""
    longest = max((seconds for _, seconds in rows), default=0.0)
    lengths = Lengths(longest)
    bars = [Bar(label, longest, seconds, f"{lengths(seconds)} · {share(seconds, longest)}") for label, seconds in rows]
    return bars_figure("Length of video, in and out", bars, width=WIDE)


def counts_figure(heading: str, counts: Sequence[Count]) -> Figure:
    """How often each value occurs, the most frequent ones."""
    whole = sum(count.number for count in counts)
    bars = [
        Bar(NONE if count.label is None else count.label, count.number, None, _told(count.number, whole))
        for count in counts[:MOST_BARS]
    ]
    if rest := sum(count.number for count in counts[MOST_BARS:]):
        bars.append(Bar(f"{len(counts) - MOST_BARS} others", rest, None, _told(rest, whole)))
    return bars_figure(heading, bars, width=NARROW, most_label=NARROW_LABEL)


def kinds_figure(heading: str, kinds: Kinds) -> Figure:
    """Clips of each kind, and how many of them are kept."""
    bars = []
    for group in kinds.groups:
        kept = None if group.kept is None else group.kept.clips
        told = f"{group.total.clips:,}" if kept is None else f"{kept:,} of {group.total.clips:,}"
        bars.append(Bar(NONE if group.key is None else str(group.key), group.total.clips, kept, told))
    title = heading if kinds.num <= len(bars) else f"{heading} (the {len(bars)} most frequent of {kinds.num:,})"
    return bars_figure(title, bars, width=NARROW, most_label=NARROW_LABEL)


def words_figure(caption: CaptionFacts) -> Figure | None:
    """How long captions are; None where there are none."""
    if not caption.words:
        return None
    words = np.repeat(np.array(list(caption.words)), list(caption.words.values()))
    edges = bin_edges(distribution(words, 0, 0), is_whole=True)
    median = int(np.median(words))
    more = f", {MOST_WORDS} stands for more too" if words[-1] == MOST_WORDS else ""
    said = f"{caption.there:,} captions from {words[0]} to {words[-1]} words{more}; the median is {median}"
    return histogram_figure(
        f"Words of {caption.name}", edges, counted(words, edges), description=said, is_whole=True, width=NARROW
    )


def _told(part: int, whole: int) -> str:
    return f"{part:,} · {share(part, whole)}"


def _number(value: float | None) -> str:
    return "–" if value is None else number(value)
