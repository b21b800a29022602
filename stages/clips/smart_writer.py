"""Clips of which only the partial groups of pictures at the ends are encoded again; the rest is copied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from curation.errors import ItemError
from stages.clips.audio import add_audio
from stages.clips.audio_cursor import AudioCursor
from stages.clips.copied_packets import copied_frames, copied_packets
from stages.clips.encoding import EncodingSettings
from stages.clips.exact_writer import shifted_frames
from stages.clips.frame_cursor import FrameCursor, SourceMismatchError
from stages.clips.mp4 import ClipClock, mux, open_clip
from stages.clips.packet_cursor import PacketCursor
from stages.clips.planner import Span
from stages.clips.source import Source
from stages.clips.splice import Splice
from stages.clips.splices import open_splice


@dataclass(frozen=True)
class _EncodedPart:
    """Samples in decode order and the frames of the source that they hold."""

    samples: list[av.Packet[Any]]
    frames: npt.NDArray[np.int64]


class SmartWriter:
    """Writes spans that are copied in part. Give them in ascending order: then each packet is read once or twice."""

    def __init__(self, source: Source, settings: EncodingSettings) -> None:
        self._source = source
        self._settings = settings
        self._frames = FrameCursor(source.path, source.index, source.timeline, source.deadline)
        self._packets = PacketCursor(source.path, source.deadline)
        self._audio = AudioCursor(source.path, source.deadline)

    def close(self) -> None:
        """Close the source."""
        self._frames.close()
        self._packets.close()
        self._audio.close()

    def write(self, span: Span, path: Path, *, sound: bool = True) -> bool:
        """Write one clip; returns whether it has sound, which ``sound`` False leaves out.

        Raises:
            AudioError: the sound cannot be written.
            SpliceError: the stream does not allow it.
            ItemError: frames cannot be decoded again, or the encoder refuses them.
        """
        try:
            return self._write(span, path, sound)
        except SourceMismatchError:
            self._frames.decode_from_start()
            return self._write(span, path, sound)

    def _write(self, span: Span, path: Path, sound: bool) -> bool:
        source = self._source
        splice = open_splice(self._packets.stream, self._settings)
        head = self._encode(span, span.first, span.copy_first, splice)
        tail = self._encode(span, span.copy_stop, span.stop, splice)
        copied = copied_frames(span, source.packet_frames)
        clock = ClipClock(
            frames=np.concatenate([head.frames, copied, tail.frames]) - span.first,
            pts=source.clip_pts(span),
            time_base=source.timeline.time_base,
        )
        with open_clip(path, clock.time_base) as output:
            video = output.add_stream_from_template(self._packets.stream, opaque=True)
            video.time_base = clock.time_base
            video.codec_context.codec_tag = splice.codec_tag
            extradata = splice.extradata()
            if extradata is not None:
                video.codec_context.extradata = extradata
            audio = add_audio(output, self._audio, *source.interval(span)) if sound else iter(())
            samples = chain(head.samples, self._copied(span, splice), tail.samples)
            return mux(output, clock.stamp(samples, video), audio)

    def _copied(self, span: Span, splice: Splice) -> Iterator[av.Packet[Any]]:
        packets = copied_packets(self._packets, span, self._source.packet_frames)
        for number, packet in enumerate(packets):
            yield splice.copied(packet, follows_encoded=number == 0 and span.copy_first > span.first)

    def _encode(self, span: Span, first: int, stop: int, splice: Splice) -> _EncodedPart:
        if first == stop:
            return _EncodedPart([], np.empty(0, np.int64))
        pts = self._source.timeline.pts
        frames = self._frames.frames(first, stop)
        number, picture = next(frames)
        encoder = splice.open_encoder(picture, self._source.timeline.time_base, self._frames.stream.average_rate)
        packets: list[av.Packet[Any]] = []
        try:
            for frame in shifted_frames(picture, number, frames, pts, span.first):
                packets.extend(encoder.encode(frame))
            packets.extend(encoder.encode(None))
        except av.FFmpegError as error:
            raise ItemError(f"cannot encode the ends of the clip: {error.strerror}") from error
        stamps = np.array([packet.pts for packet in packets], np.int64) + pts[span.first]
        samples = [splice.encoded(packet) for packet in packets]
        return _EncodedPart(samples, np.searchsorted(pts, stamps))
