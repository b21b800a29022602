"""A cheap mark that changes when a file's content changes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from typing import Any

_MARKERS = (
    "ETag",
    "etag",
    "Content-MD5",
    "Digest",
    "md5Hash",
    "LastModified",
    "last_modified",
    "Last-Modified",
    "updated",
    "mtime",
    "created",
)


def stamp_of(info: Mapping[str, Any]) -> str | None:
    """From what fsspec says of a file: size and content tag, or else the time of the last change.

    None when the store tells neither: a size alone does not show a change.
    """
    for marker in _MARKERS:
        value = info.get(marker)
        if value:
            if isinstance(value, datetime):
                value = value.timestamp()
            content = str(value).strip('"')
            return f"{info.get('size')}-{content}"
    return None


def stamp_of_stat(status: os.stat_result) -> str:
    """Of a local file: size and time of the last change in nanoseconds."""
    return f"{status.st_size}-{status.st_mtime_ns}"
