"""What a report says of the clips: their lengths, kinds and sources, and how much of each a filter keeps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.dataset.wide import CLIP_ID, DURATION, SOURCE
from curation.filters.table import ClipTable, Mask
from curation.stats.describe import GroupStatistics, describe_groups

CODEC = "video_codec"
READ = ("width", "height", "fps", "mode", "has_audio", SOURCE)
MOST_SOURCES = 25
MOST_KINDS = 8


@dataclass(frozen=True)
class Kinds:
    """Clips in groups, the largest first. ``num``: how many groups there are, shown or not."""

    groups: list[GroupStatistics]
    num: int


@dataclass(frozen=True)
class ClipFacts:
    """``kinds``: per heading; ``sources``: the largest ones."""

    kinds: dict[str, Kinds]
    sources: Kinds


def columns_read(table: ClipTable) -> list[str]:
    """What `clip_facts` needs of the table."""
    return [name for name in (*READ, CODEC) if name in table.columns]


def clip_facts(table: ClipTable, kept: Mask | None) -> ClipFacts:
    """Count all clips, one or more; ``kept``: bool [clips], what a filter keeps."""
    facts = _facts_of_clips(table)
    kinds = {
        heading: Kinds(*describe_groups(facts, [], heading, kept=kept, most=MOST_KINDS))
        for heading in facts.columns
        if heading not in (CLIP_ID, DURATION, SOURCE)
    }
    return ClipFacts(kinds, Kinds(*describe_groups(facts, [], SOURCE, kept=kept, most=MOST_SOURCES)))


def _facts_of_clips(table: ClipTable) -> ClipTable:
    """A table with a column of texts for each heading."""
    clips = table.need(columns_read(table))
    text = pa.string()
    columns = {
        CLIP_ID: clips[CLIP_ID],
        DURATION: clips[DURATION],
        SOURCE: clips[SOURCE],
        "Resolutions": pc.binary_join_element_wise(clips["width"].cast(text), clips["height"].cast(text), " × "),
        "Frame rates": pc.binary_join_element_wise(pc.round(clips["fps"], 2).cast(text), "fps", " "),
        "How they were written": clips["mode"],
        "Sound": pc.if_else(clips["has_audio"], "with sound", "silent"),
    }
    if CODEC in clips.column_names:
        columns["Codecs of the sources"] = clips[CODEC]
    return ClipTable.of(pa.table(columns))


def lengths(table: ClipTable) -> np.typing.NDArray[np.float64]:
    """The length of each clip in seconds, in ascending order."""
    return np.sort(table.seconds)
