"""H.264: the encoder's parameter sets get an id of their own and lie in the track's header beside the source's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import av
from av.video.stream import VideoStream

from stages.clips import avc
from stages.clips.encoding import EncodingSettings
from stages.clips.nal import join_length_prefixed, split_annex_b
from stages.clips.splice import Splice, SpliceError, sample

_PROFILES = {
    "Constrained Baseline": "baseline",
    "Baseline": "baseline",
    "Main": "main",
    "High": "high",
    "High 10": "high10",
    "High 4:2:2": "high422",
    "High 4:4:4 Predictive": "high444",
}
_UNNEEDED = frozenset({avc.SEI, avc.ACCESS_UNIT_DELIMITER})


class H264Splice(Splice):
    """Each encoded part starts with an IDR picture; a copied part can follow one only where it starts with one too."""

    codec_tag = "avc1"
    encoder = "libx264"

    def __init__(self, stream: VideoStream, settings: EncodingSettings) -> None:
        super().__init__(stream, settings)
        try:
            self._source = avc.parse_extradata(self._codec.extradata or b"")
            self._own_id = self._source.free_id()
        except ValueError as error:
            raise SpliceError(str(error)) from error
        profile = _PROFILES.get(self._codec.profile or "")
        if profile is None:
            raise SpliceError(f"x264 has no profile {self._codec.profile}")
        self._profile = profile
        self._own_sets: dict[bytes, None] = {}

    def can_follow_encoded(self, keyframe: av.Packet[Any]) -> bool:
        return any(avc.unit_type(unit) == avc.SLICE_IDR for unit in self._units(keyframe))

    def can_start(self, keyframe: av.Packet[Any]) -> bool:
        # After another keyframe, pictures may still give orders about references before it, which the clip has not:
        # they decode to the same picture, but decoders complain ("mmco: unref short failure").
        return self.can_follow_encoded(keyframe)

    def _options(self, frame: av.VideoFrame) -> Mapping[str, str]:
        parameters = [f"sps-id={self._own_id}", "scenecut=0", "keyint=infinite"]
        if frame.interlaced_frame:
            parameters.append("bff=1" if self._codec.field_order in (3, 5) else "tff=1")
        options = {
            **self._settings.x264_options(),
            "profile": self._profile,
            "x264-params": ":".join(parameters),
        }
        if self._codec.level > 9:
            options["level"] = f"{self._codec.level // 10}.{self._codec.level % 10}"
        return options

    def encoded(self, packet: av.Packet[Any]) -> av.Packet[Any]:
        picture = []
        for unit in split_annex_b(bytes(packet)):
            kind = avc.unit_type(unit)
            if kind in (avc.SPS, avc.PPS):
                self._own_sets[unit] = None
            elif kind not in _UNNEEDED:
                picture.append(unit)
        return sample(join_length_prefixed(picture), packet)

    def copied(self, packet: av.Packet[Any], *, follows_encoded: bool) -> av.Packet[Any]:
        known = {*self._source.sps, *self._source.pps}
        picture = []
        for unit in self._units(packet):
            kind = avc.unit_type(unit)
            if kind in (avc.SPS, avc.PPS):
                if unit not in known:
                    raise SpliceError("parameter sets change within the stream")
            elif kind != avc.ACCESS_UNIT_DELIMITER:
                picture.append(unit)
        return sample(join_length_prefixed(picture), packet)

    def extradata(self) -> bytes | None:
        sps = tuple(unit for unit in self._own_sets if avc.unit_type(unit) == avc.SPS)
        pps = tuple(unit for unit in self._own_sets if avc.unit_type(unit) == avc.PPS)
        if len(sps) > 1 or len(pps) > 1:
            raise SpliceError("the encoded parts need different parameter sets")
        return avc.build_avcc(self._source, avc.AvcSets(sps, pps, 0))

    def _units(self, packet: av.Packet[Any]) -> list[bytes]:
        try:
            return avc.split_units(bytes(packet), self._source.length_size)
        except ValueError as error:
            raise SpliceError(str(error)) from error
