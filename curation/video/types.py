"""What the pipeline says about a video: facts of the file, frames, transitions, clips.

Time is PTS: integers in units of the stream's ``time_base`` (seconds per unit, a Fraction).
Intervals are half open, [start, end).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from curation.errors import ItemTimeoutError

if TYPE_CHECKING:
    from curation.video.sampling import FrameRequest

TransitionKind = Literal["cut", "fade", "dissolve"]
ClipMode = Literal["copy", "smart", "exact"]
SourceKind = Literal["video", "image"]


@dataclass(frozen=True)
class VideoInfo:
    """Facts of a container and its first video stream.

    ``width`` and ``height`` are as displayed (after ``rotation``, in degrees clockwise: 0, 90, 180, 270);
    ``fps`` is the average rate; ``keyframe_interval_s`` the mean distance of keyframes in seconds.
    """

    container: str
    codec: str
    width: int
    height: int
    rotation: int
    fps: float
    is_vfr: bool
    duration_s: float
    num_frames: int
    keyframe_interval_s: float
    has_audio: bool
    time_base: Fraction


@dataclass(frozen=True)
class Transition:
    """Where one shot becomes the next: frames with start_pts <= pts < end_pts belong to neither shot.

    A ``cut`` has zero length: start_pts == end_pts == PTS of the first frame of the new shot.
    ``rate``: the rate of the cascade that saw it first ("native" or frames per second as text).
    ``score``: 0 … 1, how sure.
    """

    kind: TransitionKind
    start_pts: int
    end_pts: int
    rate: str
    score: float


@dataclass(frozen=True)
class FrameIndex:
    """Every decoded frame of the source, in display order.

    ``pts``: int64 [num_frames], strictly increasing, in units of ``time_base``;
    ``end_pts``: PTS at which the last frame ends;
    ``fingerprints``: uint8 [num_frames, FINGERPRINT_SIZE], see `curation.video.fingerprint`;
    ``spoiled``: bool [num_frames], frames that are damaged or may build on damaged ones; None: there are none.
    """

    pts: npt.NDArray[np.int64]
    end_pts: int
    time_base: Fraction
    fingerprints: npt.NDArray[np.uint8]
    spoiled: npt.NDArray[np.bool_] | None = None


@dataclass
class Deadline:
    """The time that one item may use; checked between frames. ``seconds`` None means no bound."""

    seconds: float | None = None
    started: float = field(default_factory=time.monotonic)

    def check(self) -> None:
        """Raise `ItemTimeoutError` when the time is used up."""
        if self.seconds is not None and time.monotonic() - self.started > self.seconds:
            raise ItemTimeoutError(f"took longer than {self.seconds:g} s (run.timeout_s)")


@dataclass
class SourceVideo:
    """One source video on its way through the splitters of a pipeline (all in one process, one local file).

    ``columns``: what its manifest says of it. ``kind``: what the source is; a still image is made a video of by the
    first splitter. ``keep``: intervals of PTS, [start, end) in the frame index's time base, ascending, to which clips
    are confined; None: no bounds. ``left_out``: why each clip that was planned could not be written or verified; the
    video then counts as failed, and keeps the clips that could. Shots that the limits pass over are none of them.
    """

    video_id: str
    source: str
    path: Path
    workdir: Path
    columns: Mapping[str, Any] = field(default_factory=dict)
    frame_requests: Mapping[str, FrameRequest] = field(default_factory=dict)
    deadline: Deadline = field(default_factory=Deadline)
    info: VideoInfo | None = None
    frame_index: FrameIndex | None = None
    transitions: list[Transition] = field(default_factory=list)
    kind: SourceKind = "video"
    keep: list[tuple[int, int]] | None = None
    lost_s: float = 0.0
    notes: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


@dataclass
class WrittenClip:
    """One clip as a file on local disk, decoded and compared with its span of the source.

    ``start_pts``/``end_pts`` are source time. ``lost_s``: seconds of the shot that snapping gave up around
    this clip. ``mode``: how it was really written. ``frames``: for each request of
    `SourceVideo.frame_requests` the sampled frames, uint8 [n, h, w, c].
    """

    clip_index: int
    path: Path
    start_pts: int
    end_pts: int
    time_base: Fraction
    num_frames: int
    fps: float
    width: int
    height: int
    has_audio: bool
    verified: bool
    mode: ClipMode
    lost_s: float
    frames: dict[str, npt.NDArray[np.uint8]] = field(default_factory=dict)
