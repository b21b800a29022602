"""Removing what no row names any more: clips of videos that were split anew, files of an interrupted run."""

from __future__ import annotations

import re

from curation.dataset.dataset import Dataset
from curation.dataset.journal import ANNOTATIONS, CLIPS, VIDEOS, table_of
from curation.dataset.storage import Storage, join

MEDIA = "media"
CONTACT_SHEETS = "contact_sheets"
_CLIP_FILE = re.compile(r"media/[0-9a-f]{2}/[0-9a-f]+/[0-9a-f]+\.mp4")
_PICTURE_FILE = re.compile(r"contact_sheets/(?P<video_id>[0-9a-f]+)\.jpg")


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
    clip_files = [name for name in storage.files(MEDIA) if _CLIP_FILE.fullmatch(name)]
    storage.delete([name for name in clip_files if name not in media])
    pictures = {name: _PICTURE_FILE.fullmatch(name) for name in storage.files(CONTACT_SHEETS)}
    storage.delete([name for name, its in pictures.items() if its is not None and its["video_id"] not in split])
