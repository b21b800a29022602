"""HEVC: parameter sets travel in the samples (sample entry `hev1`), before each picture at which decoding can start."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import av
from av.video.stream import VideoStream

from stages.clips.encoding import EncodingSettings
from stages.clips.nal import split_annex_b, split_length_prefixed
from stages.clips.splice import Splice, SpliceError, sample

_BLA_N_LP, _CRA = 18, 21
_FIRST_IRAP, _LAST_IRAP = 16, 23
_VPS, _SPS, _PPS = 32, 33, 34
_PARAMETER_SETS = frozenset({_VPS, _SPS, _PPS})
_ACCESS_UNIT_DELIMITER, _PREFIX_SEI, _SUFFIX_SEI = 35, 39, 40
_START_CODE = b"\x00\x00\x00\x01"
# At this distance x265's crf gives about the same distortion as x264's.
_CRF_OFFSET = 3


class HevcSplice(Splice):
    """A copied part may follow an encoded one at any keyframe: the type of a CRA picture, which continues a sequence,
    is changed to BLA, which starts one (H.265, 3.11: made for splicing). Its leading pictures are not copied."""

    codec_tag = "hev1"
    encoder = "libx265"

    def __init__(self, stream: VideoStream, settings: EncodingSettings) -> None:
        super().__init__(stream, settings)
        extradata = self._codec.extradata or b""
        self._length_size = (extradata[21] & 3) + 1 if extradata[:1] == b"\x01" and len(extradata) > 22 else 0
        try:
            units = list(_units_of_hvcc(extradata) if self._length_size else split_annex_b(extradata))
        except (ValueError, IndexError) as error:
            raise SpliceError("the stream's header is damaged") from error
        self._sets = [unit for unit in units if _type(unit) in _PARAMETER_SETS]
        if {_type(unit) for unit in self._sets} != _PARAMETER_SETS:
            raise SpliceError("the stream's header lacks parameter sets")

    def _options(self, frame: av.VideoFrame) -> Mapping[str, str]:
        parameters = "log-level=error:pools=none:frame-threads=1:keyint=-1:scenecut=0:repeat-headers=1"
        return {
            "preset": self._settings.preset,
            "crf": str(min(51, self._settings.crf + _CRF_OFFSET)),
            "tune": "psnr",
            "x265-params": parameters,
        }

    def encoded(self, packet: av.Packet[Any]) -> av.Packet[Any]:
        units = split_annex_b(bytes(packet))
        return sample(_join(unit for unit in units if _type(unit) not in (_PREFIX_SEI, _SUFFIX_SEI)), packet)

    def copied(self, packet: av.Packet[Any], *, follows_encoded: bool) -> av.Packet[Any]:
        data = bytes(packet)
        try:
            units = list(split_length_prefixed(data, self._length_size) if self._length_size else split_annex_b(data))
        except ValueError as error:
            raise SpliceError(str(error)) from error
        picture = []
        for unit in units:
            kind = _type(unit)
            if kind in _PARAMETER_SETS:
                if unit not in self._sets:
                    raise SpliceError("parameter sets change within the stream")
            elif kind != _ACCESS_UNIT_DELIMITER:
                is_spliced = follows_encoded and kind == _CRA
                picture.append(_with_type(unit, _BLA_N_LP) if is_spliced else unit)
        starts = any(_FIRST_IRAP <= _type(unit) <= _LAST_IRAP for unit in picture)
        return sample(_join([*self._sets, *picture] if starts else picture), packet)

    def extradata(self) -> bytes | None:
        return _join(self._sets)


def _type(unit: bytes) -> int:
    return unit[0] >> 1 & 0x3F


def _with_type(unit: bytes, kind: int) -> bytes:
    return bytes([unit[0] & 0x81 | kind << 1]) + unit[1:]


def _join(units: Iterable[bytes]) -> bytes:
    """With start codes: the muxer turns header and samples into the form of mp4."""
    return b"".join(_START_CODE + unit for unit in units)


def _units_of_hvcc(box: bytes) -> Iterator[bytes]:
    """The NAL units of an `hvcC` box (ISO/IEC 14496-15, 8.3.3)."""
    position = 23
    for _ in range(box[22]):
        count = int.from_bytes(box[position + 1 : position + 3], "big")
        position += 3
        for _ in range(count):
            length = int.from_bytes(box[position : position + 2], "big")
            if position + 2 + length > len(box):
                raise ValueError("the hvcC box is cut off")
            yield box[position + 2 : position + 2 + length]
            position += 2 + length
