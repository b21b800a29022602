"""All that a report says, read from a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curation.dataset.description import read_description
from curation.dataset.storage import Storage
from curation.dataset.wide import CLIP_ID, DURATION
from curation.filters.apply import Applied, apply_filter
from curation.filters.funnel import Amount
from curation.filters.rule import Filter
from curation.filters.table import ClipTable
from curation.report.captions import CaptionFacts, caption_columns, caption_facts
from curation.report.clips import ClipFacts, clip_facts, columns_read
from curation.report.duplicates import DUPLICATE_OF, SIMILARITY, DuplicateFacts, duplicate_facts
from curation.report.failures import StageFailures, failures
from curation.report.provenance import FilterProvenance, Provenance, filter_provenance, provenance
from curation.report.samples import Samples, choose
from curation.report.scores import Score, score, shown_scores
from curation.report.shown_clips import ShownClip, shown_clips
from curation.report.thresholds import Threshold, thresholds
from curation.report.videos import VideoFacts, read_videos, video_facts
from curation.stats.columns import error_columns
from curation.stats.describe import describe

CLIPS_EACH_SIDE = 6


@dataclass(frozen=True)
class AboutClips:
    """What can be said of a dataset with clips. ``correlation``: float64 [scores, scores]; ``shown``: the clips of
    ``samples`` and ``duplicates`` by clip_id."""

    table: ClipTable
    total: Amount
    scores: list[Score]
    length: Score
    correlation: npt.NDArray[np.float64]
    kinds: ClipFacts
    captions: list[CaptionFacts]
    duplicates: DuplicateFacts | None
    samples: Samples
    shown: dict[str, ShownClip]

    def clip(self, place: int) -> ShownClip | None:
        """The clip at a place of the table; None where it is not among those that are shown."""
        return self.shown.get(str(self.table.values(CLIP_ID)[place]))


@dataclass(frozen=True)
class Facts:
    """``applied``: what the filter does; None without filter or without clips. ``clips``: None where there are none."""

    dataset: str
    filter: Filter | None
    applied: Applied | None
    videos: VideoFacts
    failures: list[StageFailures]
    clips: AboutClips | None
    provenance: Provenance
    filter_provenance: FilterProvenance | None


def collect(
    storage: Storage, filter: Filter | None, *, clips_each_side: int = CLIPS_EACH_SIDE, skip_missing: bool = False
) -> Facts:
    """Read the tables of a dataset, and the files of the clips that are shown. Nothing is written.

    ``clips_each_side``: how many clips are shown on each side of a threshold, 0 for none at all.

    Raises:
        UserError: no dataset; as `apply_filter`, but a dataset without clips is no error.
    """
    description = read_description(storage)
    table = ClipTable.open(storage)
    applied = None
    if filter is not None and len(table):
        applied = apply_filter(table, filter, skip_missing=skip_missing, also=columns_read(table))
    videos = read_videos(storage)
    return Facts(
        storage.location,
        filter,
        applied,
        video_facts(videos),
        failures(storage, table.columns, videos),
        _about_clips(storage, table, applied, clips_each_side) if len(table) else None,
        provenance(storage, description, table.fingerprint),
        None if applied is None else filter_provenance(storage, applied),
    )


def _about_clips(storage: Storage, table: ClipTable, applied: Applied | None, size: int) -> AboutClips:
    verdicts = None if applied is None else applied.verdicts
    kept = None if verdicts is None else verdicts.kept
    bounds: Sequence[Threshold] = () if verdicts is None else thresholds(verdicts, table)
    names = shown_scores(table, bounds)
    _read(table, names)
    statistics = describe(table, list(dict.fromkeys([*names, DURATION])))
    duplicates = duplicate_facts(table, kept)
    captions = caption_columns(table.columns)
    samples = choose(verdicts, bounds, len(table), size)
    shown = [str(table.values(CLIP_ID)[place]) for place in samples.places()]
    if duplicates is not None and size:
        shown += [clip for pair in duplicates.pairs for clip in (str(table.values(CLIP_ID)[pair.clip]), pair.original)]
    return AboutClips(
        table,
        statistics.total,
        [score(table, name, statistics.columns[name], bounds, kept) for name in names],
        score(table, DURATION, statistics.columns[DURATION], bounds, kept),
        statistics.correlation[: len(names), : len(names)],
        clip_facts(table, kept),
        [caption_facts(storage, table.columns, name) for name in captions],
        duplicates,
        samples,
        shown_clips(storage, table.columns, list(dict.fromkeys(shown)), captions),
    )


def _read(table: ClipTable, names: Sequence[str]) -> None:
    """Bring what is needed into memory with one query."""
    duplicates = [name for name in (DUPLICATE_OF, SIMILARITY) if name in table.columns]
    table.need([*names, *error_columns(names, table.columns), *columns_read(table), *duplicates])
