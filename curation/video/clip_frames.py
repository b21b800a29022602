"""The sampled frames of a clip file that was written before."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from curation.errors import ItemError
from curation.video.reader import decode_frames, open_video
from curation.video.sampling import ClipSampler, FrameRequest, Frames
from curation.video.types import Deadline


def decode_clip(
    path: Path, requests: Mapping[str, FrameRequest], deadline: Deadline | None = None
) -> dict[str, Frames]:
    """Frames of all ``requests``, uint8 [n, h, w, c] by name, from one decode of the clip.

    The number of frames is first taken from the packets, without decoding. Where the decoder then shows another number
    (packets that hold no picture, or none that can be decoded), the clip is decoded once more with the right one.

    Raises:
        ItemError: the file cannot be opened, or holds no frame that can be decoded.
        ItemTimeoutError: the deadline passed.
    """
    expected = _count_packets(path)
    sampler, decoded = _sample(path, requests, expected, deadline)
    if decoded == 0:
        raise ItemError("no frame of the clip can be decoded")
    if decoded != expected:
        sampler, _ = _sample(path, requests, decoded, deadline)
    return sampler.result()


def _count_packets(path: Path) -> int:
    with open_video(path) as (container, stream):
        return sum(1 for packet in container.demux(stream) if packet.size and not packet.is_discard)


def _sample(
    path: Path, requests: Mapping[str, FrameRequest], num_frames: int, deadline: Deadline | None
) -> tuple[ClipSampler, int]:
    with open_video(path) as (container, stream):
        sampler = ClipSampler(
            requests, num_frames, sample_aspect_ratio=stream.sample_aspect_ratio, num_bytes=path.stat().st_size
        )
        first_pts: int | None = None
        decoded = 0
        for decoded, frame in enumerate(decode_frames(container, stream, deadline), start=1):
            assert frame.pts is not None
            assert frame.time_base is not None
            first_pts = frame.pts if first_pts is None else first_pts
            sampler.add(decoded - 1, frame, (frame.pts - first_pts) * frame.time_base)
        return sampler, decoded
