"""Byte ranges of HTTP (RFC 9110, section 14)."""

from __future__ import annotations

import re

_SPEC = re.compile(r"(\d{0,19})-(\d{0,19})")


class RangeNotSatisfiableError(Exception):
    """No byte of the file is in the range that was asked for: status 416."""


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """First byte and the byte after the last; None for the whole file.

    A header that cannot be read, of another unit, or with several ranges asks for the whole file, as the standard
    allows.

    Raises:
        RangeNotSatisfiableError: the range begins behind the end of the file.
    """
    if header is None:
        return None
    unit, equals, spec = header.partition("=")
    match = _SPEC.fullmatch(spec.strip())
    if unit.strip().lower() != "bytes" or not equals or match is None or match[0] == "-":
        return None
    first, last = match[1], match[2]
    if not first:
        if int(last) == 0 or size == 0:
            raise RangeNotSatisfiableError
        return max(0, size - int(last)), size
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise RangeNotSatisfiableError
    return int(first), min(int(last) + 1, size) if last else size
