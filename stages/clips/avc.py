"""Parameter sets of H.264, so that packets of two encoders can live in one mp4 track.

The track's `avcC` box (ISO/IEC 14496-15, 5.3.3) holds the sets of both under different ids; a slice names the
picture parameter set that it uses, and an IDR picture may change to other sets.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from stages.clips.nal import exp_golomb_at, split_annex_b, split_length_prefixed

SLICE_IDR, SEI, SPS, PPS, ACCESS_UNIT_DELIMITER, SPS_EXTENSION = 5, 6, 7, 8, 9, 13
_HIGH_PROFILES = frozenset({100, 110, 122, 144, 244})
_MAX_ID = 31


@dataclass(frozen=True)
class AvcSets:
    """Sequence and picture parameter sets as NAL units. ``length_size``: bytes of a NAL length in the stream's
    packets, 0 for start codes. ``extension``: what follows the sets in `avcC` (chroma format and bit depths)."""

    sps: tuple[bytes, ...]
    pps: tuple[bytes, ...]
    length_size: int
    extension: bytes = b""

    def free_id(self) -> int:
        """An id that no set uses.

        Raises:
            ValueError: there is none.
        """
        used = {sps_id(unit) for unit in self.sps} | {pps_id(unit) for unit in self.pps}
        free = set(range(1, _MAX_ID + 1)) - used
        if not free:
            raise ValueError("the stream uses all ids of parameter sets")
        return min(free)


def unit_type(unit: bytes) -> int:
    """nal_unit_type."""
    return unit[0] & 0x1F


def sps_id(unit: bytes) -> int:
    """seq_parameter_set_id of an SPS."""
    return exp_golomb_at(unit, 32)


def pps_id(unit: bytes) -> int:
    """pic_parameter_set_id of a PPS."""
    return exp_golomb_at(unit, 8)


def split_units(data: bytes, length_size: int) -> list[bytes]:
    """The NAL units of a packet; ``length_size`` 0 means start codes.

    Raises:
        ValueError: the packet is damaged.
    """
    return list(split_length_prefixed(data, length_size) if length_size else split_annex_b(data))


def parse_extradata(extradata: bytes) -> AvcSets:
    """The sets of an `avcC` box or of a header with start codes.

    Raises:
        ValueError: no parameter sets are there.
    """
    if extradata[:1] != b"\x01":
        units = list(split_annex_b(extradata))
        return _checked(AvcSets(_of_type(units, SPS), _of_type(units, PPS), 0))
    length_size = (extradata[4] & 3) + 1
    sps, position = _read_sets(extradata, 6, extradata[5] & 0x1F)
    if position >= len(extradata):
        raise ValueError("the avcC box is cut off")
    pps, position = _read_sets(extradata, position + 1, extradata[position])
    return _checked(AvcSets(sps, pps, length_size, extradata[position:]))


def build_avcc(main: AvcSets, other: AvcSets) -> bytes:
    """An `avcC` box with the sets of both; profile, level and extension are those of ``main``."""
    first = main.sps[0]
    sps, pps = main.sps + other.sps, main.pps + other.pps
    box = bytes([1, *first[1:4], 0xFC | 3, 0xE0 | len(sps)]) + _prefixed(sps) + bytes([len(pps)]) + _prefixed(pps)
    if first[1] not in _HIGH_PROFILES:
        return box
    return box + (main.extension or _extension(first))


def _extension(sps: bytes) -> bytes:
    """Chroma format and bit depths, as an SPS of a high profile begins."""
    payload = sps.replace(b"\x00\x00\x03", b"\x00\x00")
    bits = "".join(f"{byte:08b}" for byte in payload[4:24])
    values: list[int] = []
    position = 0
    while len(values) < 4:
        zeros = len(bits[position:]) - len(bits[position:].lstrip("0"))
        values.append(int(bits[position + zeros : position + 2 * zeros + 1], 2) - 1)
        position += 2 * zeros + 1
        if len(values) == 2 and values[1] == 3:
            position += 1
    _, chroma, luma_depth, chroma_depth = values
    return bytes([0xFC | chroma, 0xF8 | luma_depth, 0xF8 | chroma_depth, 0])


def _checked(sets: AvcSets) -> AvcSets:
    if not sets.sps or not sets.pps or any(len(unit) < 4 for unit in sets.sps):
        raise ValueError("the stream's header holds no H.264 parameter sets")
    return sets


def _of_type(units: Iterable[bytes], wanted: int) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys(unit for unit in units if unit_type(unit) == wanted))


def _read_sets(box: bytes, position: int, count: int) -> tuple[tuple[bytes, ...], int]:
    units = []
    for _ in range(count):
        length = int.from_bytes(box[position : position + 2], "big")
        units.append(box[position + 2 : position + 2 + length])
        position += 2 + length
    if position > len(box):
        raise ValueError("the avcC box is cut off")
    return tuple(units), position


def _prefixed(units: Iterable[bytes]) -> bytes:
    return b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)
