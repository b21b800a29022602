"""The sound of a clip: packets of the source as they are, or encoded as AAC where mp4 does not take them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer

from curation.errors import ItemError
from curation.scratch import raise_if_disk_full
from curation.video.reader import reason
from stages.clips.audio_cursor import AudioCursor

MP4_AUDIO_CODECS = frozenset({"aac", "mp3", "mp2", "ac3", "eac3", "opus", "flac", "alac"})
_AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
_LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}


class AudioError(ItemError):
    """The sound of a clip cannot be written; the picture may well be."""


@contextmanager
def audio_errors() -> Iterator[None]:
    """Tell what goes wrong with the sound from what goes wrong with the picture."""
    try:
        yield
    except (av.FFmpegError, ValueError, ZeroDivisionError) as error:
        raise_if_disk_full(error)
        raise AudioError(reason(error)) from error


def add_audio(
    output: OutputContainer, cursor: AudioCursor, start_s: Fraction, stop_s: Fraction
) -> Iterator[av.Packet[Any]]:
    """Add an audio stream to ``output`` and return the packets to mux into it, with time counted from ``start_s``.

    The first packets may lie before time 0: the muxer's edit list hides what comes before, to the sample.

    Raises:
        AudioError: the source's sound has no place in mp4.
    """
    with audio_errors():
        packets = cursor.packets(start_s, stop_s)
        first = next(packets, None)
        source = cursor.stream
        if first is None or source is None:
            return iter(())
        if source.codec_context.codec.canonical_name in MP4_AUDIO_CODECS:
            return _copied(output, source, first, packets, start_s)
        return _encoded(output, source, first, packets, start_s)


def _copied(
    output: OutputContainer,
    source: AudioStream,
    first: av.Packet[Any],
    rest: Iterator[av.Packet[Any]],
    start_s: Fraction,
) -> Iterator[av.Packet[Any]]:
    target = output.add_stream_from_template(source, opaque=True)
    time_base = Fraction(1, source.codec_context.sample_rate)
    target.time_base = time_base
    return _retimed(target, first, rest, start_s, time_base)


def _retimed(
    target: AudioStream, first: av.Packet[Any], rest: Iterator[av.Packet[Any]], start_s: Fraction, time_base: Fraction
) -> Iterator[av.Packet[Any]]:
    packet: av.Packet[Any] | None = first
    last_pts: int | None = None
    while packet is not None:
        pts = round(((packet.pts or 0) * packet.time_base - start_s) / time_base)
        if last_pts is None or pts > last_pts:
            packet.duration = round((packet.duration or 0) * packet.time_base / time_base)
            packet.time_base = time_base
            packet.pts = packet.dts = last_pts = pts
            packet.stream = target
            yield packet
        packet = next(rest, None)


def _encoded(
    output: OutputContainer,
    source: AudioStream,
    first: av.Packet[Any],
    rest: Iterator[av.Packet[Any]],
    start_s: Fraction,
) -> Iterator[av.Packet[Any]]:
    rate = source.codec_context.sample_rate
    rate = rate if rate in _AAC_RATES else 48000
    channels = source.codec_context.layout.nb_channels
    target = output.add_stream("aac", rate=rate, layout=_LAYOUTS.get(channels, "stereo"))
    target.bit_rate = 64000 * min(channels, max(_LAYOUTS))
    return _transcoded(target, source, first, rest, start_s)


def _transcoded(
    target: AudioStream, source: AudioStream, first: av.Packet[Any], rest: Iterator[av.Packet[Any]], start_s: Fraction
) -> Iterator[av.Packet[Any]]:
    source.codec_context.flush_buffers()
    packet: av.Packet[Any] | None = first
    while packet is not None:
        try:
            frames = source.decode(packet)
        except av.error.InvalidDataError:
            frames = []
        for frame in frames:
            if frame.pts is not None and frame.time_base is not None:
                time_base = Fraction(1, frame.sample_rate)
                frame.pts = round((frame.pts * frame.time_base - start_s) / time_base)
                frame.time_base = time_base
                yield from target.encode(frame)
        packet = next(rest, None)
    yield from target.encode(None)
