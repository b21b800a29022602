"""Few small frames of a clip for the annotators, all from one decode."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import av
import numpy as np
import numpy.typing as npt

from curation.errors import ItemError
from curation.video.displayed_frame import Orientation, displayed_array

Frames = npt.NDArray[np.uint8]

_TIME_TOLERANCE_S = 1e-3


@dataclass(frozen=True)
class FrameRequest:
    """Which frames of a clip a stage wants, and how small.

    ``at``: "rate" takes the first frame at or after every 1/``fps`` seconds from the start of the clip (a frame that
    stays longer than that is taken again), and also the last frame of a clip that is too short for two;
    "first_middle_last" the frames 0, n // 2 and n − 1; "middle" the frame n // 2; "random" one frame, which follows
    from ``seed`` and the clip's file; "uniform" ``count`` frames at the centres of equal parts. A clip with fewer
    frames than that gives some of them twice.
    ``short_side`` and ``long_side`` bound the size in pixels (never enlarged); None keeps the size.
    ``pixel_format``: "rgb24" gives [n, h, w, 3], "gray" [n, h, w, 1].
    ``shrink``: instead of the built-in area scaling, a picklable, hashable function from one full-size upright frame
    uint8 [h, w, c] to a small one; all results have one shape.
    """

    at: Literal["rate", "first_middle_last", "middle", "random", "uniform"]
    fps: float | None = None
    count: int | None = None
    seed: int | None = None
    short_side: int | None = None
    long_side: int | None = None
    pixel_format: Literal["rgb24", "gray"] = "rgb24"
    shrink: Callable[[Frames], Frames] | None = None

    def __post_init__(self) -> None:
        if (self.at == "rate") != (self.fps is not None and self.fps > 0):
            raise ValueError('a positive fps belongs to at="rate", and only there')
        if (self.at == "uniform") != (self.count is not None and self.count > 0):
            raise ValueError('a positive count belongs to at="uniform", and only there')
        if (self.at == "random") != (self.seed is not None):
            raise ValueError('a seed belongs to at="random", and only there')


class ClipSampler:
    """Collects the frames that ``requests`` want while the frames of one clip pass by in display order.

    Equal requests share one array. A frame that nobody wants costs one comparison and one look-up.
    """

    def __init__(
        self,
        requests: Mapping[str, FrameRequest],
        num_frames: int,
        *,
        sample_aspect_ratio: Fraction | None = None,
        num_bytes: int = 0,
    ) -> None:
        """``num_frames``, ``num_bytes``: of the clip, and of its file. ``sample_aspect_ratio``: width by height of a
        pixel (None: 1:1)."""
        self._requests = dict(requests)
        self._num_frames = num_frames
        self._num_bytes = num_bytes
        self._aspect = sample_aspect_ratio
        self._orientation: Orientation | None = None
        self._taken: dict[FrameRequest, list[Frames]] = {request: [] for request in self._requests.values()}
        self._positions: dict[int, list[FrameRequest]] = {}
        self._due: dict[FrameRequest, float] = {}
        for request in self._taken:
            if request.at == "rate":
                self._due[request] = 0.0
            for position in self._wanted(request):
                self._positions.setdefault(position, []).append(request)
        self._next_due = min(self._due.values(), default=math.inf)

    def add(self, index: int, frame: av.VideoFrame, seconds_from_start: float | Fraction) -> None:
        """Give the frame with number ``index`` (from 0), shown ``seconds_from_start`` after the clip's first frame."""
        if index not in self._positions and seconds_from_start < self._next_due:
            return
        pictures: dict[FrameRequest, Frames] = {}
        for request in self._positions.get(index, ()):
            if request.at != "rate":
                self._take(request, frame, pictures)
        for request, due in self._due.items():
            while seconds_from_start >= due:
                self._take(request, frame, pictures)
                due = _grid_time(request, len(self._taken[request]))
            self._due[request] = due
            if index == self._num_frames - 1 and len(self._taken[request]) == 1 and request not in pictures:
                self._take(request, frame, pictures)
        self._next_due = min(self._due.values(), default=math.inf)

    def result(self) -> dict[str, Frames]:
        """The frames of each request, uint8 [n, h, w, c], by its name.

        Raises:
            ItemError: frames that were wanted did not come, or a ``shrink`` gave pictures of different shapes.
        """
        stacks = {request: self._stack(request, pictures) for request, pictures in self._taken.items()}
        return {name: stacks[request] for name, request in self._requests.items()}

    def _wanted(self, request: FrameRequest) -> list[int]:
        """Frame numbers that a request names; for "rate" the last one, which it takes when it has only the first."""
        last = self._num_frames - 1
        if request.at == "rate":
            return [last]
        if request.at == "middle":
            return [self._num_frames // 2]
        if request.at == "first_middle_last":
            return [0, self._num_frames // 2, last]
        if request.at == "random":
            digest = hashlib.sha256(f"{request.seed}/{self._num_frames}/{self._num_bytes}".encode()).digest()
            return [int.from_bytes(digest) % max(1, self._num_frames)]
        assert request.count is not None
        return uniform_positions(request.count, self._num_frames)

    def _take(self, request: FrameRequest, frame: av.VideoFrame, pictures: dict[FrameRequest, Frames]) -> None:
        if request not in pictures:
            self._orientation = self._orientation or Orientation.of(frame)
            pictures[request] = _picture(frame, request, self._aspect, self._orientation)
        self._taken[request].append(pictures[request])

    def _stack(self, request: FrameRequest, pictures: list[Frames]) -> Frames:
        missing = len(self._wanted(request)) - len(pictures)
        if not pictures or (request.at != "rate" and missing > 0):
            raise ItemError(f"the clip ended before the frames to sample: {missing} of its frames could not be decoded")
        try:
            return np.stack(pictures)
        except ValueError as error:
            raise ItemError("the picture size changes within the clip") from error


def uniform_positions(count: int, num_frames: int) -> list[int]:
    """The frames at the centres of ``count`` equal parts of a clip, which at="uniform" takes."""
    return [(2 * part + 1) * num_frames // (2 * count) for part in range(count)]


def _grid_time(request: FrameRequest, step: int) -> float:
    """Seconds of grid point ``step``, less one millisecond: some containers round time stamps to milliseconds."""
    assert request.fps is not None
    return step / request.fps - _TIME_TOLERANCE_S


def _picture(frame: av.VideoFrame, request: FrameRequest, aspect: Fraction | None, orientation: Orientation) -> Frames:
    if request.shrink is not None:
        whole = displayed_array(
            frame, pixel_format=request.pixel_format, sample_aspect_ratio=aspect, orientation=orientation
        )
        return request.shrink(whole)
    return displayed_array(
        frame,
        pixel_format=request.pixel_format,
        short_side=request.short_side,
        long_side=request.long_side,
        sample_aspect_ratio=aspect,
        orientation=orientation,
    )
