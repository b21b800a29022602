"""Clips whose media file is gone from the dataset: to be written again, or told; their values are never touched."""

from __future__ import annotations

from dataclasses import dataclass

from curation.dataset.journal import CLIPS, table_of
from curation.dataset.storage import Storage
from curation.dataset.sweep import MEDIA


@dataclass(frozen=True)
class MissingClip:
    """A row of `clips` without its file."""

    clip_id: str
    video_id: str
    source: str
    media: str

    def __str__(self) -> str:
        return f"clip {self.media} is missing; restore it, or let `curation retry` write it again from {self.source}"


def missing_clips(storage: Storage) -> list[MissingClip]:
    """All of them, by one listing of ``media/``."""
    clips = table_of(storage, CLIPS).read(["clip_id", "video_id", "source", "media"])
    if clips is None:
        return []
    there = set(storage.files(MEDIA))
    return [MissingClip(**row) for row in clips.to_pylist() if row["media"] not in there]
