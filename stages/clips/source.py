"""A source as the clip writers see it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from curation.video.types import Deadline, FrameIndex
from stages.clips.planner import Span
from stages.clips.timeline import Timeline


@dataclass(frozen=True)
class Source:
    """A file with its frames and packets. ``packet_frames``: int64 [num_packets], see `frame_numbers`."""

    path: Path
    index: FrameIndex
    timeline: Timeline
    packet_frames: npt.NDArray[np.int64]
    deadline: Deadline

    def interval(self, span: Span) -> tuple[Fraction, Fraction]:
        """Start and end of a span in seconds of the source's time."""
        pts = self.timeline.pts
        return int(pts[span.first]) * self.timeline.time_base, int(pts[span.stop]) * self.timeline.time_base

    def clip_pts(self, span: Span) -> npt.NDArray[np.int64]:
        """int64 [frames + 1]: PTS counted from the span's start, and its end."""
        pts: npt.NDArray[np.int64] = self.timeline.pts[span.first : span.stop + 1] - self.timeline.pts[span.first]
        return pts
