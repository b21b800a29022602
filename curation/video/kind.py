"""Whether a source is a video or a still image: by its first bytes."""

from __future__ import annotations

from pathlib import Path

from curation.errors import ItemError
from curation.sources.formats import extension, is_video_name
from curation.video.types import SourceKind

_HEAD = 32
_MOTION_JPEG = (".mjpeg", ".mjpg")


def kind_of(path: Path, name: str) -> SourceKind:
    """What the local file ``path`` holds: "image" for AVIF, BMP, JPEG, PNG, TIFF and WebP, "video" for all else.

    ``name``: of the source. What is named as a video is taken for one: a stream of Motion JPEG begins as a JPEG does.

    Raises:
        ItemError: the file cannot be read.
    """
    if is_video_name(name) or extension(name) in _MOTION_JPEG:
        return "video"
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise ItemError(f"cannot be read: {error.strerror or error}") from error
    return "image" if _is_image(head) else "video"


def _is_image(head: bytes) -> bool:
    return (
        head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*"))
        or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
        or head[4:12] == b"ftypavif"
        or (head[:2] == b"BM" and head[6:10] == bytes(4))
    )
