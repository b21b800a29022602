"""What it takes to join copied packets and encoded ones in one track, for each codec that allows it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import av
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from curation.errors import ItemError
from stages.clips.encoding import EncodingSettings, configure_encoder


class SpliceError(ItemError):
    """This stream does not allow copied and encoded packets in one track."""


class Splice(ABC):
    """Makes packets of the source and of an encoder parts of one coded stream.

    ``codec_tag``: the sample entry of the mp4 track.
    """

    codec_tag: str
    encoder: str

    def __init__(self, stream: VideoStream, settings: EncodingSettings) -> None:
        """Raises SpliceError when nothing can be joined to this stream."""
        self._codec = stream.codec_context
        self._settings = settings

    def can_follow_encoded(self, keyframe: av.Packet[Any]) -> bool:
        """Whether a keyframe of the source may come after encoded packets."""
        return True

    def can_start(self, keyframe: av.Packet[Any]) -> bool:
        """Whether decoders take a clip that starts with a copy of this keyframe without a warning."""
        return True

    def open_encoder(self, frame: av.VideoFrame, time_base: Fraction, rate: Fraction | None) -> VideoCodecContext:
        """An encoder whose packets fit to the source's.

        Raises:
            SpliceError: the frame is not of the stream's size or format.
        """
        codec = self._codec
        if (frame.width, frame.height, frame.format.name) != (codec.width, codec.height, codec.pix_fmt):
            raise SpliceError("the size or pixel format of the stream changes")
        encoder = VideoCodecContext.create(self.encoder, "w")
        assert isinstance(encoder, VideoCodecContext)
        configure_encoder(
            encoder,
            codec,
            frame,
            pixel_format=frame.format.name,
            time_base=time_base,
            frame_rate=rate,
            options=dict(self._options(frame)),
        )
        return encoder

    @abstractmethod
    def _options(self, frame: av.VideoFrame) -> Mapping[str, str]:
        """Options of the encoder."""

    @abstractmethod
    def encoded(self, packet: av.Packet[Any]) -> av.Packet[Any]:
        """A packet of the encoder as a sample of the clip."""

    @abstractmethod
    def copied(self, packet: av.Packet[Any], *, follows_encoded: bool) -> av.Packet[Any]:
        """A packet of the source as a sample of the clip.

        Raises:
            SpliceError: it carries other parameter sets than the stream's header.
        """

    @abstractmethod
    def extradata(self) -> bytes | None:
        """The header of the track, once all of the clip's packets are there."""


def sample(data: bytes, origin: av.Packet[Any]) -> av.Packet[Any]:
    """A packet with other bytes."""
    packet = av.Packet(data)
    packet.is_keyframe = origin.is_keyframe
    return packet
