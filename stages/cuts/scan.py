"""The one pass over the video: PTS, fingerprints, thumbnails, and the hits of the three detectors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt

from curation.video.fingerprint import FINGERPRINT_SIZE, fingerprint
from curation.video.types import FrameIndex
from stages.cuts.detectors import Hit, RateDetector
from stages.cuts.spool import ThumbnailSpool
from stages.cuts.thumbnail import thumbnail, to_bgr


@dataclass(frozen=True)
class Scan:
    """What one decode gave. ``spool`` holds a thumbnail of each frame of ``index``."""

    index: FrameIndex
    spool: ThumbnailSpool
    hits: list[Hit]


def scan(
    frames: Iterable[av.VideoFrame], time_base: Fraction, detectors: list[RateDetector], spool: ThumbnailSpool
) -> Scan:
    """Read all frames once, in display order."""
    pts: list[int] = []
    fingerprints = bytearray()
    duration = 0
    for number, frame in enumerate(frames):
        assert frame.pts is not None
        pts.append(frame.pts)
        duration = frame.duration or 0
        fingerprints += fingerprint(frame).tobytes()
        thumb = thumbnail(frame)
        spool.append(thumb)
        bgr = to_bgr(thumb)
        for detector in detectors:
            detector.feed(number, frame.pts, bgr)
    times = np.array(pts, np.int64)
    index = FrameIndex(times, _end(times, duration), time_base, _rows(fingerprints))
    return Scan(index, spool, [hit for detector in detectors for hit in detector.hits])


def _end(pts: npt.NDArray[np.int64], duration: int) -> int:
    """PTS at which the last frame ends: by its own duration, else as long as the frames before it."""
    if len(pts) == 0:
        return 0
    usual = int(np.median(np.diff(pts[-50:]))) if len(pts) > 1 else 1
    return int(pts[-1]) + max(1, duration or usual)


def _rows(fingerprints: bytearray) -> npt.NDArray[np.uint8]:
    return np.frombuffer(bytes(fingerprints), np.uint8).reshape(-1, FINGERPRINT_SIZE)
