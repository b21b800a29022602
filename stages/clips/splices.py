"""Which codecs allow copied and encoded packets in one track."""

from __future__ import annotations

from av.video.stream import VideoStream

from stages.clips.encoding import EncodingSettings
from stages.clips.splice import Splice, SpliceError
from stages.clips.splice_h264 import H264Splice
from stages.clips.splice_hevc import HevcSplice
from stages.clips.splice_vp9 import Vp9Splice

SPLICES: dict[str, type[Splice]] = {"h264": H264Splice, "hevc": HevcSplice, "vp9": Vp9Splice}


def open_splice(stream: VideoStream, settings: EncodingSettings) -> Splice:
    """The splice for a stream.

    Raises:
        SpliceError: its codec, or this very stream, allows none.
    """
    codec = stream.codec_context.codec.canonical_name
    if codec not in SPLICES:
        raise SpliceError(f"{codec} packets cannot be joined with encoded ones")
    return SPLICES[codec](stream, settings)
