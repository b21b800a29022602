"""The page: facts and figures put into the template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from curation.cli.amounts import Lengths, number, share
from curation.report.captions import MOST_WORDS, CaptionFacts
from curation.report.clips import Kinds
from curation.report.facts import AboutClips, Facts
from curation.report.figures import (
    Bar,
    Figure,
    bars_figure,
    funnel_figure,
    histogram_figure,
    hours_figure,
    score_figure,
)
from curation.report.scores import Score, bin_edges, counted
from curation.report.shown_clips import ShownClip
from curation.report.text import base_name, clipped, source_name
from curation.report.videos import Count
from curation.stats.distribution import distribution

MOST_SCORES = 60
MOST_BARS = 8
NONE = "not known"


@dataclass(frozen=True)
class Strip:
    """A row of clips, each with what is to be read below it."""

    title: str
    note: str
    clips: list[tuple[ShownClip, str]]


def render(facts: Facts) -> str:
    """A report as HTML: one file that asks for no other, with scripts forbidden."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("curation", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    lengths = Lengths(max(facts.videos.seconds, facts.clips.total.seconds if facts.clips else 0.0))
    environment.filters.update(
        count="{:,}".format,
        number=_number,
        length=lengths,
        length_of=len,
        share=share,
        clipped=clipped,
        source=lambda name: clipped(source_name(name)),
        base_name=lambda name: clipped(base_name(name), 80),
        svg=lambda figure: Markup(figure.svg),
    )
    about = facts.clips
    return environment.get_template("page.html").render(
        facts=facts,
        title=clipped(base_name(facts.dataset) or facts.dataset, 80),
        hours=hours_figure(_in_and_out(facts)),
        funnel=None if facts.applied is None else funnel_figure(facts.applied.funnel),
        videos_figures={name: _counted_figure(name, counts) for name, counts in facts.videos.counts.items() if counts},
        transitions=_counted_figure("Transitions", facts.videos.transitions) if facts.videos.transitions else None,
        **({} if about is None else _about_clips(about, facts)),
    )


def _about_clips(about: AboutClips, facts: Facts) -> dict[str, object]:
    rules = () if facts.applied is None else facts.applied.funnel.rows
    shown = about.scores[:MOST_SCORES]
    return {
        "scores": [(score, _figure(score), _strips(about, score)) for score in shown],
        "num_scores": len(about.scores),
        "correlation": _correlation(about),
        "length": _figure(about.length),
        "kinds": {heading: _kinds_figure(heading, kinds) for heading, kinds in about.kinds.kinds.items()},
        "dropped_by": [_dropped_by(about, row) for row in range(len(about.samples.dropped_by))] if rules else [],
        "random": Strip("", "", _with_captions(about, about.samples.kept)),
        "captions": [(caption, _words_figure(caption)) for caption in about.captions],
        "pairs": _pairs(about),
    }


def _in_and_out(facts: Facts) -> list[tuple[str, float]]:
    rows = [("source video", facts.videos.seconds)]
    if facts.clips is not None:
        rows.append(("clips", facts.clips.total.seconds))
    if facts.applied is not None:
        rows.append((f"kept by {facts.applied.verdicts.resolved.filter.name}", facts.applied.funnel.kept.seconds))
    return rows


def _figure(score: Score) -> Figure | None:
    return score_figure(score) if len(score.edges) else None


def _counted_figure(heading: str, counts: Sequence[Count]) -> Figure:
    whole = sum(count.number for count in counts)
    bars = [
        Bar(NONE if count.label is None else count.label, count.number, None, _told(count.number, whole))
        for count in counts[:MOST_BARS]
    ]
    if rest := sum(count.number for count in counts[MOST_BARS:]):
        bars.append(Bar(f"{len(counts) - MOST_BARS} others", rest, None, _told(rest, whole)))
    return bars_figure(heading, bars, most_label=24)


def _kinds_figure(heading: str, kinds: Kinds) -> Figure:
    bars = []
    for group in kinds.groups:
        kept = None if group.kept is None else group.kept.clips
        told = f"{group.total.clips:,}" if kept is None else f"{kept:,} of {group.total.clips:,}"
        bars.append(Bar(NONE if group.key is None else str(group.key), group.total.clips, kept, told))
    title = heading if kinds.num <= len(bars) else f"{heading} (the {len(bars)} most frequent of {kinds.num:,})"
    return bars_figure(title, bars, most_label=24)


def _told(part: int, whole: int) -> str:
    return f"{part:,} · {share(part, whole)}"


def _strips(about: AboutClips, score: Score) -> list[tuple[Strip, Strip]]:
    """For each threshold of a score what is just dropped and what is just kept."""
    values = about.table.numbers(score.name)

    def strip(title: str, places: Sequence[int], note: str) -> Strip:
        return Strip(title, note, [(clip, number(float(values[p]))) for p in places if (clip := about.clip(p))])

    return [
        (
            strip(f"Just dropped by {around.threshold.label}", around.dropped.clips, _note(around.dropped.alone, True)),
            strip(f"Just kept by {around.threshold.label}", around.kept.clips, _note(around.kept.alone, False)),
        )
        for around in about.samples.around
        if around.threshold.column == score.name and (around.dropped.clips or around.kept.clips)
    ]


def _note(is_alone: bool, is_dropped: bool) -> str:
    if is_alone:
        return ""
    return "other rules drop these too" if is_dropped else "other rules drop these"


def _dropped_by(about: AboutClips, row: int) -> Strip:
    found = about.samples.dropped_by[row]
    clips = [(clip, "") for place in found.dropped.clips if (clip := about.clip(place))]
    return Strip(found.label, _note(found.dropped.alone, True), clips)


def _with_captions(about: AboutClips, places: Sequence[int]) -> list[tuple[ShownClip, str]]:
    return [(clip, next(reversed(clip.captions.values()), "")) for place in places if (clip := about.clip(place))]


def _words_figure(caption: CaptionFacts) -> Figure | None:
    if not caption.words:
        return None
    words = np.repeat(np.array(list(caption.words)), list(caption.words.values()))
    edges = bin_edges(distribution(words, 0, 0))
    median = int(np.median(words))
    more = f", {MOST_WORDS} stands for more too" if words[-1] == MOST_WORDS else ""
    said = f"{caption.there:,} captions from {words[0]} to {words[-1]} words{more}; the median is {median}"
    return histogram_figure(f"Words of {caption.name}", edges, counted(words, edges), description=said, width=460)


def _correlation(about: AboutClips) -> tuple[list[str], list[tuple[str, list[float | None]]]] | None:
    """Names, and rows of rank correlations; None where fewer than two scores vary."""
    varying = [place for place, score in enumerate(about.scores[:MOST_SCORES]) if score.distribution.varies][:12]
    if len(varying) < 2:
        return None
    names = [about.scores[place].name for place in varying]
    values = about.correlation[np.ix_(varying, varying)]
    return names, [
        (name, [None if np.isnan(value) else float(value) for value in row])
        for name, row in zip(names, values, strict=True)
    ]


def _pairs(about: AboutClips) -> list[tuple[ShownClip, ShownClip | None, str]]:
    """Duplicates beside what they repeat, the least alike first."""
    if about.duplicates is None:
        return []
    return [
        (clip, about.shown.get(pair.original), "" if pair.similarity is None else number(pair.similarity))
        for pair in about.duplicates.pairs
        if (clip := about.clip(pair.clip))
    ]


def _number(value: float | None) -> str:
    return "–" if value is None else number(value)
