"""Which videos of a dataset a user means: by source, by video_id, or by a pattern."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from curation.dataset.journal import VIDEOS, table_of
from curation.dataset.storage import Storage
from curation.errors import UserError
from curation.provenance.removed import Removed
from curation.sources.location import local_name, scheme, shown
from curation.suggestions import did_you_mean

_PATTERN = re.compile(r"[*?\[]")
_MOST_NAMES = 5000


@dataclass(frozen=True)
class FoundVideo:
    """A row of `videos`. ``sources``: all names under which its content was given, the first one first."""

    video_id: str
    sources: Sequence[str]


def find_videos(storage: Storage, wanted: Sequence[str]) -> tuple[list[FoundVideo], list[str]]:
    """The videos that ``wanted`` names, sorted, and those names that were taken out of the dataset before.

    A name is a source as the dataset has it, a path to the same local file, a video_id, or a pattern with ``*``, ``?``
    and ``[…]`` over whole sources. A duplicate, another name of the same content, counts as well.

    Raises:
        UserError: a name is none of that.
    """
    rows = table_of(storage, VIDEOS).read(["video_id", "source", "duplicates"])
    videos = [_video(row) for row in rows.to_pylist()] if rows is not None else []
    by_name: dict[str, list[FoundVideo]] = {}
    for video in videos:
        for name in (*video.sources, video.video_id):
            by_name.setdefault(name, []).append(video)
    removed = Removed.of(storage)
    found: dict[str, FoundVideo] = {}
    gone = []
    for name in wanted:
        matches = _matching(name, videos, by_name)
        found.update({video.video_id: video for video in matches})
        if matches:
            continue
        if name not in removed.video_ids and not any(removed.has(one) for one in spellings(name)):
            raise UserError(f"--source {shown(name)}: no video of {storage.url} has this source{_hint(name, by_name)}")
        gone.append(name)
    return sorted(found.values(), key=lambda video: video.video_id), gone


def _video(row: dict[str, Any]) -> FoundVideo:
    return FoundVideo(row["video_id"], list(dict.fromkeys([row["source"], *(row["duplicates"] or [])])))


def _matching(name: str, videos: Sequence[FoundVideo], by_name: dict[str, list[FoundVideo]]) -> list[FoundVideo]:
    for spelling in spellings(name):
        if spelling in by_name:
            return by_name[spelling]
    if not _PATTERN.search(name):
        return []
    return [
        video
        for video in videos
        if any(fnmatchcase(source, spelling) for source in video.sources for spelling in spellings(name))
    ]


def _hint(name: str, sources: Iterable[str]) -> str:
    holding = [source for source in sources if name in source]
    if holding:
        return f'; {len(holding)} hold it in their names: --source "*{shown(name)}*"'
    return did_you_mean(name, list(sources)[:_MOST_NAMES]).partition("; known")[0]


def spellings(name: str) -> list[str]:
    """As given, and as the absolute path that the dataset would have of a local file."""
    return [name] if scheme(name) else [name, local_name(name)]
