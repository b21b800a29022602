"""The clips that a report shows: their pictures, and what is said below them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from curation.contact_sheet import clock
from curation.dataset.storage import Storage
from curation.dataset.wide import CLIP_ID, SOURCE, Column, view
from curation.report.text import base_name, clipped, source_name
from curation.report.thumbnails import Thumbnail, thumbnails

LONGEST_NAME, LONGEST_CAPTION = 80, 300
READ = (CLIP_ID, SOURCE, "start_s", "end_s", "media")


@dataclass(frozen=True)
class ShownClip:
    """``source``: the name of the file it comes from; ``span``: where in it; ``captions``: by column."""

    clip_id: str
    source: str
    full_source: str
    span: str
    captions: dict[str, str]
    thumbnail: Thumbnail


def shown_clips(
    storage: Storage, known: Mapping[str, Column], clip_ids: Sequence[str], captions: Sequence[str]
) -> dict[str, ShownClip]:
    """Read the rows of these clips and decode a picture of each; those that are not there are left out."""
    connection = view(storage, [known[name] for name in (*READ, *captions)])
    connection.register("wanted", pa.table({"wanted_id": pa.array(clip_ids, pa.string())}))
    query = f"SELECT clips.* FROM clips SEMI JOIN wanted ON {CLIP_ID} = wanted_id"
    rows = connection.sql(query).to_arrow_table().to_pylist()
    pictures = thumbnails(storage, {row[CLIP_ID]: row["media"] for row in rows})
    return {row[CLIP_ID]: _shown(row, captions, pictures[row[CLIP_ID]]) for row in rows}


def _shown(row: Mapping[str, Any], captions: Sequence[str], thumbnail: Thumbnail) -> ShownClip:
    source = row[SOURCE] or ""
    start, end = row["start_s"], row["end_s"]
    return ShownClip(
        row[CLIP_ID],
        clipped(base_name(source), LONGEST_NAME),
        clipped(source_name(source)),
        "" if start is None or end is None else f"{clock(start)} – {clock(end)}",
        {name: clipped(row[name], LONGEST_CAPTION) for name in captions if row[name]},
        thumbnail,
    )
