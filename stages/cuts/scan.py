"""The one pass over the video: PTS, fingerprints and thumbnails of all frames."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt

from curation.video.fingerprint import FINGERPRINT_SIZE, fingerprint
from curation.video.types import FrameIndex
from stages.cuts.spool import ThumbnailSpool
from stages.cuts.thumbnail import thumbnail


def scan(frames: Iterable[av.VideoFrame], time_base: Fraction, spool: ThumbnailSpool) -> FrameIndex:
    """Read all frames once, in display order; ``spool`` gets the thumbnail of each."""
    pts: list[int] = []
    fingerprints = bytearray()
    duration = 0
    for frame in frames:
        assert frame.pts is not None
        pts.append(frame.pts)
        duration = frame.duration or 0
        fingerprints += fingerprint(frame).tobytes()
        spool.append(thumbnail(frame))
    times = np.array(pts, np.int64)
    return FrameIndex(times, _end(times, duration), time_base, _rows(fingerprints))


def _end(pts: npt.NDArray[np.int64], duration: int) -> int:
    """PTS at which the last frame ends: by its own duration, else as long as the frames before it."""
    if len(pts) == 0:
        return 0
    usual = int(np.median(np.diff(pts[-50:]))) if len(pts) > 1 else 1
    return int(pts[-1]) + max(1, duration or usual)


def _rows(fingerprints: bytearray) -> npt.NDArray[np.uint8]:
    return np.frombuffer(fingerprints, np.uint8).reshape(-1, FINGERPRINT_SIZE)
