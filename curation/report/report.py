"""A report, from the dataset to the page."""

from __future__ import annotations

from dataclasses import dataclass

from curation.dataset.storage import Storage
from curation.filters.apply import Applied
from curation.filters.rule import Filter
from curation.report.facts import CLIPS_EACH_SIDE, collect
from curation.report.page import render
from curation.report.shown_clips import ShownClip


@dataclass(frozen=True)
class Report:
    """``html``: the page; ``applied``: what the filter did, None without filter or clips; ``num_shown``: clips whose
    picture it shows, ``unreadable``: or should, and there is none."""

    html: str
    applied: Applied | None
    num_shown: int
    unreadable: list[ShownClip]


def build_report(
    storage: Storage,
    filter: Filter | None = None,
    *,
    clips_each_side: int = CLIPS_EACH_SIDE,
    skip_missing: bool = False,
) -> Report:
    """Read a dataset and write a page about it; as `collect`."""
    facts = collect(storage, filter, clips_each_side=clips_each_side, skip_missing=skip_missing)
    shown = [] if facts.clips is None else list(facts.clips.shown.values())
    return Report(render(facts), facts.applied, len(shown), [clip for clip in shown if clip.thumbnail.trouble])
