"""The PySceneDetect detectors of the cascade: each at its rate, all fed with the thumbnails of one decode."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from curation.video.types import Deadline, FrameIndex
from stages.cuts.hits import Hit, Hits
from stages.cuts.sampling import PtsSampler
from stages.cuts.spool import ThumbnailSpool
from stages.cuts.thumbnail import to_bgr

if TYPE_CHECKING:
    from scenedetect.common import FrameTimecode
    from scenedetect.detector import SceneDetector

FRAMES_IN_A_ROW = 256

DetectorName = Literal["content", "adaptive", "histogram", "hash"]


class RateDetector:
    """One PySceneDetect detector that sees the frames of one rate.

    ``rate``: frames per second, None for every frame; ``threshold``: in the unit of that detector.
    """

    def __init__(self, name: DetectorName, threshold: float, rate: float | None, time_base: Fraction) -> None:
        self.label = "native" if rate is None else f"{rate:g}"
        self.hits: list[Hit] = []
        self._detector = _detector(name, threshold)
        self._sampler = PtsSampler(rate, time_base)
        self._timecode = _timecodes(time_base, rate)
        self._frames: dict[int, tuple[int, int]] = {}
        self._last = 0

    def feed(self, number: int, pts: int, bgr: npt.NDArray[np.uint8]) -> None:
        """Show it the frame ``number`` (in display order), uint8 [h, w, 3]; frames that are not of its rate pass by."""
        if not self._sampler.takes(pts):
            return
        self._frames[pts] = (self._last, number)
        if len(self._frames) > 64:
            del self._frames[next(iter(self._frames))]
        self._last = number
        timecode = self._timecode(pts)
        for cut in self._detector.process_frame(timecode, bgr):
            before, frame = self._frames.get(cut.pts, (number - 1, number))
            self.hits.append(Hit(self.label, before, frame))


def propose(detectors: Iterable[RateDetector], spool: ThumbnailSpool, index: FrameIndex, deadline: Deadline) -> Hits:
    """Show all frames to all detectors, many in a row: between two decoded frames each would cost twice as much."""
    detectors = tuple(detectors)
    for start in range(0, len(spool), FRAMES_IN_A_ROW):
        deadline.check()
        thumbs = spool.read(start, start + FRAMES_IN_A_ROW)
        for number, thumb in enumerate(thumbs, start):
            bgr = to_bgr(thumb)
            for detector in detectors:
                detector.feed(number, int(index.pts[number]), bgr)
    return Hits(hit for detector in detectors for hit in detector.hits)


def _timecodes(time_base: Fraction, rate: float | None) -> Callable[[int], FrameTimecode]:
    """Makes PySceneDetect's time codes of PTS. The rate in them is a formality: the detectors compare times."""
    from scenedetect.common import FrameTimecode, Timecode

    nominal = rate or 25.0
    return lambda pts: FrameTimecode(Timecode(pts, time_base), fps=nominal)


def _detector(name: DetectorName, threshold: float) -> SceneDetector:
    from scenedetect import detectors

    if name == "adaptive":
        return detectors.AdaptiveDetector(adaptive_threshold=threshold, min_scene_len=0, min_content_val=6.0)
    if name == "histogram":
        return detectors.HistogramDetector(threshold=threshold, min_scene_len=0)
    if name == "hash":
        return detectors.HashDetector(threshold=threshold, min_scene_len=0)
    return detectors.ContentDetector(threshold=threshold, min_scene_len=0)
