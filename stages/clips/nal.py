"""NAL units of H.264 and HEVC: taking packets apart and putting them together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_START_CODE = re.compile(rb"\x00\x00\x01")
LENGTH_SIZE = 4


def split_annex_b(data: bytes) -> Iterator[bytes]:
    """The NAL units of a byte stream with start codes."""
    starts = [match.end() for match in _START_CODE.finditer(data)]
    for start, following in zip(starts, [*starts[1:], None], strict=True):
        unit = data[start:] if following is None else data[start : following - 3]
        unit = unit.rstrip(b"\x00")
        if unit:
            yield unit


def split_length_prefixed(data: bytes, length_size: int) -> Iterator[bytes]:
    """The NAL units of an mp4 or Matroska sample.

    Raises:
        ValueError: a length points beyond the end.
    """
    position = 0
    while position + length_size <= len(data):
        length = int.from_bytes(data[position : position + length_size], "big")
        position += length_size
        if length > len(data) - position:
            raise ValueError("a NAL unit is cut off")
        if length:
            yield data[position : position + length]
        position += length


def join_length_prefixed(units: Iterable[bytes]) -> bytes:
    """A sample with lengths of `LENGTH_SIZE` bytes."""
    return b"".join(len(unit).to_bytes(LENGTH_SIZE, "big") + unit for unit in units)


def exp_golomb_at(unit: bytes, first_bit: int) -> int:
    """The unsigned Exp-Golomb number that starts at a bit of a NAL unit (emulation prevention is undone before).

    Raises:
        ValueError: the unit ends before the number does.
    """
    payload = unit.replace(b"\x00\x00\x03", b"\x00\x00")
    bits = "".join(f"{byte:08b}" for byte in payload[first_bit // 8 : first_bit // 8 + 12])[first_bit % 8 :]
    zeros = len(bits) - len(bits.lstrip("0"))
    code = bits[zeros : 2 * zeros + 1]
    if len(code) < zeros + 1 or not code:
        raise ValueError("a number of a NAL unit is cut off")
    return int(code, 2) - 1
