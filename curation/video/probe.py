"""Facts of a video file for its row of `videos`, from its packets and its first frame."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from curation.errors import ItemError
from curation.video.packets import NO_PTS, PacketIndex, read_packets
from curation.video.reader import decode_frames, open_video
from curation.video.types import Deadline, VideoInfo

_MAX_ASPECT = 16
_VFR_SHARE = 0.01


def probe(path: Path, deadline: Deadline | None = None) -> VideoInfo:
    """Demux the whole file and decode one frame.

    ``num_frames`` counts the packets that are shown; a decode can give fewer where the file is damaged.
    ``is_vfr``: more than one frame, and more than one in a hundred, lasts longer or shorter than the median frame, by
    more than one per cent and more than the rounding of the container's time stamps.

    Raises:
        ItemError: not a video, no data, or its first frame cannot be decoded.
        ItemTimeoutError: the deadline passed.
    """
    packets = read_packets(path, deadline)
    with open_video(path) as (container, stream):
        frame = next(decode_frames(container, stream, deadline), None)
        if frame is None:
            raise ItemError("no frame of the video could be decoded")
        width, height, rotation = _displayed_size(frame, stream.sample_aspect_ratio)
        shown = _shown_pts(packets)
        steps = np.diff(shown)
        last_step = _last_step(packets, steps, stream.average_rate)
        duration = (int(shown[-1] - shown[0]) + last_step) * packets.time_base
        return VideoInfo(
            container=container.format.name,
            codec=stream.codec_context.codec.canonical_name,
            width=width,
            height=height,
            rotation=rotation,
            fps=float(len(shown) / duration) if duration > 0 else 0.0,
            is_vfr=_varies(steps),
            duration_s=float(duration),
            num_frames=len(shown),
            keyframe_interval_s=float(duration / max(1, int(packets.is_keyframe.sum()))),
            has_audio=len(container.streams.audio) > 0,
            time_base=packets.time_base,
        )


def _shown_pts(packets: PacketIndex) -> npt.NDArray[np.int64]:
    """Time stamps in display order; those of a container without PTS are taken from its DTS."""
    pts = packets.pts if (packets.pts != NO_PTS).any() else packets.dts
    shown = np.unique(pts[(pts != NO_PTS) & ~packets.is_discarded])
    if not len(shown):
        raise ItemError("the video stream has no time stamps")
    return shown


def _last_step(packets: PacketIndex, steps: npt.NDArray[np.int64], rate: Fraction | None) -> int:
    """How long the last frame stays, in units of the time base."""
    last = int(packets.duration[np.argmax(packets.pts)])
    if last > 0:
        return last
    if len(steps):
        return int(np.median(steps))
    return round(1 / (rate * packets.time_base)) if rate else 0


def _varies(steps: npt.NDArray[np.int64]) -> bool:
    if len(steps) < 2:
        return False
    usual = float(np.median(steps))
    odd = np.abs(steps - usual) > max(1.0, usual * 0.01)
    return int(odd.sum()) > max(1, _VFR_SHARE * len(steps))


def _displayed_size(frame: av.VideoFrame, aspect: Fraction | None) -> tuple[int, int, int]:
    """Width and height with square pixels and after rotation; the rotation in degrees clockwise."""
    width, height = frame.width, frame.height
    if aspect and Fraction(1, _MAX_ASPECT) <= aspect <= _MAX_ASPECT:
        width = max(1, round(width * aspect))
    rotation = 90 * math.floor(-frame.rotation / 90 + 0.5) % 360
    return (height, width, rotation) if rotation in (90, 270) else (width, height, rotation)
