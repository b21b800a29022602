"""Finds and changes the boxes of an MP4 file (ISO/IEC 14496-12), to damage one of them on purpose."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

PARENTS = (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"stbl", b"edts")


@dataclass(frozen=True)
class Box:
    """Bytes [start, end) of a file; its contents begin 8 bytes after ``start``. ``path``: names from the outermost."""

    path: tuple[bytes, ...]
    start: int
    end: int


def boxes(data: bytes, start: int = 0, end: int | None = None, inside: tuple[bytes, ...] = ()) -> Iterator[Box]:
    """All boxes in order of the file, each before the boxes within it."""
    end = len(data) if end is None else end
    while start + 8 <= end:
        size = int.from_bytes(data[start : start + 4]) or end - start
        name = data[start + 4 : start + 8]
        yield Box((*inside, name), start, start + size)
        if name in PARENTS:
            yield from boxes(data, start + 8, start + size, (*inside, name))
        start += size


def find(data: bytes, name: bytes) -> Box:
    """The first box called ``name``."""
    return next(box for box in boxes(data) if box.path[-1] == name)


def replace_box(data: bytes, box: Box, contents: bytes) -> bytes:
    """The file with other contents in one box; the sizes of the boxes around it follow. Offsets of media do not: the
    box must come after the media."""
    grown = len(contents) - (box.end - box.start - 8)
    result = bytearray(data[: box.start + 8] + contents + data[box.end :])
    for other in boxes(data):
        if other.start <= box.start and other.end >= box.end:
            result[other.start : other.start + 4] = (other.end - other.start + grown).to_bytes(4)
    return bytes(result)
