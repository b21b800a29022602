"""Which files are taken for videos, which for still images and which for manifests, by the end of their names."""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import urlsplit

# fmt: off
VIDEO_EXTENSIONS = frozenset((
    ".264", ".265", ".3g2", ".3gp", ".asf", ".av1", ".avi", ".divx", ".dv", ".f4v", ".flv", ".h264", ".h265", ".hevc",
    ".ivf", ".m2ts", ".m2v", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".nut", ".obu", ".ogm",
    ".ogv", ".qt", ".rm", ".rmvb", ".ts", ".vob", ".webm", ".wmv", ".y4m",
))
# fmt: on
IMAGE_EXTENSIONS = frozenset((".avif", ".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"))
MANIFEST_EXTENSIONS = frozenset((".txt", ".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"))


def extension(name: str) -> str:
    """The extension of a path or URL in lower case, with its dot; "" when it has none."""
    if name.startswith(("http://", "https://")):
        name = urlsplit(name).path
    return PurePosixPath(name).suffix.lower()


def is_video_name(name: str) -> bool:
    """Whether a folder listing takes this file for a video."""
    return extension(name) in VIDEO_EXTENSIONS


def is_media_name(name: str) -> bool:
    """Whether a folder listing that looks for still images too takes this file."""
    return extension(name) in VIDEO_EXTENSIONS | IMAGE_EXTENSIONS


def is_manifest_name(name: str) -> bool:
    """Whether this file lists sources instead of being one."""
    return extension(name) in MANIFEST_EXTENSIONS
