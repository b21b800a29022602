"""Decoding a written clip once: to compare it with its span of the source, and to sample its frames."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from curation.errors import ItemError
from curation.video.fingerprint import FINGERPRINT_SIZE, difference, fingerprint, is_same_coded_picture
from curation.video.reader import open_video
from curation.video.sampling import ClipSampler, FrameRequest, Frames
from stages.clips.planner import Span
from stages.clips.source import Source

# Mean absolute difference of fingerprints, in levels of 8-bit luma, that encoding again may cause.
MAX_CODING_DIFFERENCE = 8.0
# A frame of a neighbouring shot that differs by less cannot be told apart.
MIN_SHOT_DIFFERENCE = 4.0
NEIGHBOUR_FRAMES = 8


class ClipMismatchError(ItemError):
    """A written clip is not the span of the source that it should be."""


def verify_clip(path: Path, span: Span, source: Source, requests: Mapping[str, FrameRequest]) -> dict[str, Frames]:
    """Decode a clip and return the frames that ``requests`` want, uint8 [n, h, w, c] by name.

    The clip must have the span's number of frames, each at its time, starting at 0. Copied frames must have the
    fingerprints of the source's frames, but for a loop filter. Encoded frames must lie close to them, and closer than
    to the frames beyond both ends of the shot.

    Raises:
        ClipMismatchError: what differs, and at which frame.
        ItemTimeoutError: the deadline of the source passed.
    """
    num_frames = span.stop - span.first
    seen = np.empty((num_frames, FINGERPRINT_SIZE), np.uint8)
    times = source.clip_pts(span)
    count = 0
    with open_video(path) as (container, stream):
        sampler = ClipSampler(
            requests, num_frames, sample_aspect_ratio=stream.sample_aspect_ratio, num_bytes=path.stat().st_size
        )
        assert stream.time_base is not None
        units = source.timeline.time_base / stream.time_base
        second = float(source.timeline.time_base)
        try:
            for packet in container.demux(stream):
                source.deadline.check()
                for frame in packet.decode():
                    if count == num_frames:
                        raise ClipMismatchError(f"more than {num_frames} frames")
                    _check_time(frame, int(times[count]), units, count)
                    seen[count] = fingerprint(frame)
                    sampler.add(count, frame, int(times[count]) * second)
                    count += 1
        except av.FFmpegError as error:
            raise ClipMismatchError(f"frame {count} cannot be decoded: {error.strerror}") from error
    if count < num_frames:
        raise ClipMismatchError(f"{count} frames instead of {num_frames}")
    _check_pictures(seen, span, source)
    return sampler.result()


def _check_time(frame: av.VideoFrame, expected: int, units: Fraction, number: int) -> None:
    if frame.pts is None or frame.pts * units.denominator != expected * units.numerator:
        raise ClipMismatchError(f"frame {number} is shown at the wrong time")
    if frame.is_corrupt:
        raise ClipMismatchError(f"frame {number} is damaged")


def _check_pictures(seen: npt.NDArray[np.uint8], span: Span, source: Source) -> None:
    fingerprints = source.index.fingerprints
    wanted = fingerprints[span.first : span.stop]
    numbers = np.arange(span.first, span.stop)
    is_copied = (numbers >= span.copy_first) & (numbers < span.copy_stop)
    differs = ~is_same_coded_picture(seen, wanted) & is_copied
    if differs.any():
        raise ClipMismatchError(f"copied frame {int(np.argmax(differs))} is not the source's frame")
    encoded = np.flatnonzero(~is_copied)
    if not len(encoded):
        return
    error = difference(seen[encoded], wanted[encoded])
    if (error > MAX_CODING_DIFFERENCE).any():
        raise ClipMismatchError(f"encoded frame {int(encoded[np.argmax(error)])} is far from the source's frame")
    before = range(max(0, span.shot.first - NEIGHBOUR_FRAMES), span.shot.first)
    behind = range(span.shot.stop, min(len(fingerprints), span.shot.stop + NEIGHBOUR_FRAMES))
    for neighbour in (*before, *behind):
        foreign = fingerprints[neighbour][None]
        can_tell = difference(wanted[encoded], foreign) >= MIN_SHOT_DIFFERENCE
        confused = can_tell & (difference(seen[encoded], foreign) <= error)
        if confused.any():
            raise ClipMismatchError(f"encoded frame {int(encoded[np.argmax(confused)])} looks like another shot")
