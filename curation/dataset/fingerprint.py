"""Whether the tables of a dataset are the ones that something was computed from."""

from __future__ import annotations

import hashlib

from curation.dataset.journal import ANNOTATIONS, CLIPS, VIDEOS
from curation.dataset.storage import Storage

LENGTH = 32


def dataset_fingerprint(storage: Storage) -> str:
    """`LENGTH` hex digits over the names and sizes of all table parts.

    It costs a listing and reads no file. It changes when a row of clips, annotations or videos does: a part that is
    written anew has another name or, but for a rare coincidence, another size.
    """
    parts = [part for table in (ANNOTATIONS, CLIPS, VIDEOS) for part in storage.sizes(table, ".parquet").items()]
    lines = "".join(f"{size} {name}\n" for name, size in parts)
    return hashlib.sha256(lines.encode()).hexdigest()[:LENGTH]
