"""Identity is content: what the id of a clip follows from."""

from __future__ import annotations

import hashlib


def clip_id_of(video_id: str, start_pts: int, end_pts: int, sha256: str) -> str:
    """The id of a clip: 32 hex digits over its video, its span in source time and the SHA-256 of its file in hex."""
    return hashlib.sha256(f"{video_id}|{start_pts}|{end_pts}|{sha256}".encode()).hexdigest()[:32]
