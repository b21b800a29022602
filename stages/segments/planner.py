"""Which parts of a video match its label: a pure function of sampled scores and transitions."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from curation.video.types import FrameIndex, Transition

Interval = tuple[int, int]


@dataclass(frozen=True)
class Threshold:
    """A frame matches when its similarity is at least ``minimum``, and at least ``share_of_best`` times that of the
    best frame of the video. None: no such bound."""

    minimum: float | None = None
    share_of_best: float | None = None

    def matches(self, similarities: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
        """bool [n] for similarities [n]. A similarity that is not a number matches nothing."""
        matches = np.isfinite(similarities)
        if self.minimum is not None:
            matches &= similarities >= self.minimum
        if self.share_of_best is not None and matches.any():
            best = float(similarities[matches].max())
            matches &= similarities >= best - (1 - self.share_of_best) * abs(best)
        return matches


def sample_frames(index: FrameIndex, fps: Fraction) -> npt.NDArray[np.int64]:
    """Numbers of the frames to score: the first at or after every 1/``fps`` seconds, each once, ascending."""
    step = 1 / (fps * index.time_base)
    length = int(index.pts[-1] - index.pts[0])
    due = [int(index.pts[0]) + math.ceil(number * step) for number in range(int(length / step) + 1)]
    return np.unique(np.searchsorted(index.pts, np.array(due, np.int64))).astype(np.int64)


def find_segments(
    index: FrameIndex,
    samples: npt.NDArray[np.int64],
    matches: npt.NDArray[np.bool_],
    transitions: Iterable[Transition],
    shortest_s: Fraction,
) -> list[Interval]:
    """The runs of sampled frames that match, as intervals of PTS [start, end), ascending; too short ones are dropped.

    ``samples``: numbers of the sampled frames, ascending; ``matches``: which of them match. Where a run ends, the video
    stops matching somewhere before the next sample: at the first transition between the two, if there is one, and
    otherwise nothing after the last frame that was seen to match is kept; so too where a run starts. A run that
    reaches the last sample goes on to the end of the video, but not across a transition.
    """
    marks = sorted(transitions, key=lambda mark: mark.start_pts)
    begins = np.array([mark.start_pts for mark in marks], np.int64)
    ends = np.sort(np.array([mark.end_pts for mark in marks], np.int64))
    ends_of_frames = np.append(index.pts[1:], index.end_pts)
    segments: list[Interval] = []
    for first, last in _runs(matches):
        start = int(index.pts[samples[first]])
        position = int(np.searchsorted(ends, start, side="right"))
        if first and position and ends[position - 1] > index.pts[samples[first - 1]]:
            start = int(ends[position - 1])
        seen = int(index.pts[samples[last]])
        is_last = last + 1 == len(samples)
        behind = index.end_pts if is_last else int(index.pts[samples[last + 1]])
        position = int(np.searchsorted(begins, seen, side="right"))
        if position < len(begins) and begins[position] <= behind:
            end = int(begins[position])
        else:
            end = behind if is_last else int(ends_of_frames[samples[last]])
        if (end - start) * index.time_base >= shortest_s:
            segments.append((start, end))
    return segments


def _runs(matches: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last position of each run of True."""
    steps = np.diff(np.concatenate([[0], matches.astype(np.int8), [0]]))
    return list(zip(np.flatnonzero(steps == 1).tolist(), (np.flatnonzero(steps == -1) - 1).tolist(), strict=True))
