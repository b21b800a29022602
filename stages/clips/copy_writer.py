"""Clips by stream copy: no frame is decoded or encoded."""

from __future__ import annotations

from pathlib import Path

from stages.clips.audio import add_audio
from stages.clips.audio_cursor import AudioCursor
from stages.clips.copied_packets import copied_frames, copied_packets
from stages.clips.mp4 import ClipClock, mux, open_clip
from stages.clips.packet_cursor import PacketCursor
from stages.clips.planner import Span
from stages.clips.source import Source

# mp4 has several tags for one codec; players other than FFmpeg take this one.
CODEC_TAGS = {"hevc": "hvc1"}


class CopyWriter:
    """Writes spans that are copied whole. Give them in ascending order: then the source is read once."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._packets = PacketCursor(source.path, source.deadline)
        self._audio = AudioCursor(source.path, source.deadline)

    def close(self) -> None:
        """Close the source."""
        self._packets.close()
        self._audio.close()

    def write(self, span: Span, path: Path, *, sound: bool = True) -> bool:
        """Write one clip; returns whether it has sound, which ``sound`` False leaves out.

        Raises:
            AudioError: the sound cannot be written.
            ItemError: the source ends early, or mp4 does not take its packets.
        """
        source = self._source
        clock = ClipClock(
            frames=copied_frames(span, source.packet_frames) - span.first,
            pts=source.clip_pts(span),
            time_base=source.timeline.time_base,
        )
        with open_clip(path, clock.time_base) as output:
            template = self._packets.stream
            video = output.add_stream_from_template(template, opaque=True)
            video.time_base = clock.time_base
            tag = CODEC_TAGS.get(template.codec_context.codec.canonical_name)
            if tag is not None:
                video.codec_context.codec_tag = tag
            audio = add_audio(output, self._audio, *source.interval(span)) if sound else iter(())
            packets = copied_packets(self._packets, span, source.packet_frames)
            return mux(output, clock.stamp(packets, video), audio)
