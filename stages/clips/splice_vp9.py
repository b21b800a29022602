"""VP9: a keyframe carries all that a decoder needs, so encoded and copied parts simply follow each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import av

from stages.clips.splice import Splice

# At this distance VP9's quantiser scale (0 … 63) gives about the same distortion as x264's crf.
_CRF_OFFSET = 2


class Vp9Splice(Splice):
    """Encoded parts have no hidden frames: one packet is one frame."""

    codec_tag = "vp09"
    encoder = "libvpx-vp9"

    def _options(self, frame: av.VideoFrame) -> Mapping[str, str]:
        return {
            "crf": str(min(63, self._settings.crf + _CRF_OFFSET)),
            "b": "0",
            "deadline": "good",
            "cpu-used": "5",
            "lag-in-frames": "0",
            "auto-alt-ref": "0",
        }

    def encoded(self, packet: av.Packet[Any]) -> av.Packet[Any]:
        return packet

    def copied(self, packet: av.Packet[Any], *, follows_encoded: bool) -> av.Packet[Any]:
        return packet

    def extradata(self) -> bytes | None:
        return None
