"""Removing what no row names any more: clips of videos that were split anew, files of an interrupted run."""

from __future__ import annotations

from curation.dataset.dataset import Dataset
from curation.dataset.journal import ANNOTATIONS, CLIPS, VIDEOS, table_of
from curation.dataset.storage import Storage, join

MEDIA = "media"
CONTACT_SHEETS = "contact_sheets"


def sweep(storage: Storage, forgotten_videos: set[str], orphans: bool) -> None:
    """Delete the rows of ``forgotten_videos``; with ``orphans`` also annotations without a clip, and media and
    pictures without a row (that lists the whole dataset)."""
    table_of(storage, VIDEOS).remove(forgotten_videos)
    table_of(storage, CLIPS).remove(forgotten_videos)
    if not orphans:
        return
    clips = table_of(storage, CLIPS).read(["clip_id", "video_id", "media"])
    clip_ids = set(clips["clip_id"].to_pylist()) if clips is not None else set()
    media = set(clips["media"].to_pylist()) if clips is not None else set()
    split = set(clips["video_id"].to_pylist()) if clips is not None else set()
    for stage in Dataset(storage.url).annotated_stages():
        table = table_of(storage, join(ANNOTATIONS, stage))
        table.remove(table.keys() - clip_ids)
    storage.delete([name for name in storage.files(MEDIA) if name not in media])
    pictures = storage.files(CONTACT_SHEETS)
    storage.delete([name for name in pictures if name.rsplit("/", 1)[1].removesuffix(".jpg") not in split])
