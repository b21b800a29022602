"""The page: facts and figures put into the template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from curation.report.facts import AboutClips, Facts
from curation.report.figures import (
    counts_figure,
    funnel_figure,
    hours_figure,
    kinds_figure,
    score_figure,
    words_figure,
)
from curation.report.scores import Score
from curation.report.shown_clips import ShownClip
from curation.report.text import base_name, clipped, source_name
from curation.stats.amounts import Lengths, number, share

MOST_SCORES = 60


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
        lost=Lengths(facts.videos.lost_s)(facts.videos.lost_s),
        hours=hours_figure(_in_and_out(facts)),
        funnel=None if facts.applied is None else funnel_figure(facts.applied.funnel),
        videos_figures={name: counts_figure(name, counts) for name, counts in facts.videos.counts.items() if counts},
        transitions=counts_figure("Transitions", facts.videos.transitions) if facts.videos.transitions else None,
        **({} if about is None else _about_clips(about, facts)),
    )


def _about_clips(about: AboutClips, facts: Facts) -> dict[str, object]:
    rules = () if facts.applied is None else facts.applied.funnel.rows
    shown = about.scores[:MOST_SCORES]
    return {
        "scores": [(score, score_figure(score), _strips(about, score)) for score in shown],
        "num_scores": len(about.scores),
        "correlation": _correlation(about),
        "length": score_figure(about.length),
        "kinds": {heading: kinds_figure(heading, kinds) for heading, kinds in about.kinds.kinds.items()},
        "dropped_by": [_dropped_by(about, row) for row in range(len(about.samples.dropped_by))] if rules else [],
        "random": Strip("", "", _with_captions(about, about.samples.kept)),
        "captions": [(caption, words_figure(caption)) for caption in about.captions],
        "pairs": _pairs(about),
    }


def _in_and_out(facts: Facts) -> list[tuple[str, float]]:
    rows = [("source video", facts.videos.seconds)]
    if facts.clips is not None:
        rows.append(("clips", facts.clips.total.seconds))
    if facts.applied is not None:
        rows.append((f"kept by {facts.applied.verdicts.resolved.filter.name}", facts.applied.funnel.kept.seconds))
    return rows


def _strips(about: AboutClips, score: Score) -> list[tuple[Strip, Strip]]:
    """For each threshold of a score what is just dropped and what is just kept."""
    values = about.table.numbers(score.name)

    def strip(title: str, places: Sequence[int], note: str) -> Strip:
        return Strip(title, note, [(clip, number(float(values[p]))) for p in places if (clip := about.clip(p))])

    strips = []
    for around in about.samples.around:
        if around.threshold.column == score.name and (around.dropped.clips or around.kept.clips):
            below, above = ("below", "from") if around.threshold.side == "min" else ("above", "up to")
            dropped, kept = (
                f"Just {word} {around.threshold.bound}" for word in (f"dropped, {below}", f"kept, {above}")
            )
            strips.append(
                (
                    strip(dropped, around.dropped.clips, _note(around.dropped.alone, True)),
                    strip(kept, around.kept.clips, _note(around.kept.alone, False)),
                )
            )
    return strips


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


def _correlation(about: AboutClips) -> tuple[list[str], list[tuple[str, list[float | None]]]] | None:
    """Names, and rows of rank correlations; None where fewer than two scores vary."""
    varying = [place for place, score in enumerate(about.scores[:MOST_SCORES]) if score.distribution.varies][:12]
    if len(varying) < 2:
        return None
    names = [about.scores[place].name for place in varying]
    values = about.correlation[np.ix_(varying, varying)]
    return names, [
        (name, [None if np.isnan(value) else round(float(value), 2) or 0.0 for value in row])
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
