"""Fades: the picture shrinks evenly into one colour, or grows out of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stages.cuts.evidence import picture_vectors
from stages.cuts.motion import unexplained
from stages.cuts.spool import ThumbnailSpool
from stages.cuts.stats import FrameStats
from stages.cuts.thumbnail import LUMA_SIZE

# Contrast (standard deviation of luma, in levels) of a frame that shows one colour only, and the share of the contrast
# around it to which a fade that never quite reaches the colour must fall.
FLAT, NEARLY_FLAT = 3.0, 0.3
BLACK_LUMA, WHITE_LUMA = 16.0, 235.0
# A faded frame has at most this share of the contrast of the whole picture: a dark scene is not a faded one.
FADED = 0.25
# The ramp ends where the picture changes more slowly than this share of the ramp's mean slope.
STILL = 0.25
# Share of the ramp's length, added to it: a fade that eases in and out ends more softly than it seems.
MARGIN_SHARE = 0.08
# What is over sooner, and leaves the picture as it was, is a flash.
FLASH_SECONDS = 0.3


@dataclass(frozen=True)
class Fade:
    """Frames start … end − 1 are black, white, of another single colour, or on their way. ``score``: 0 … 1."""

    start: int
    end: int
    score: float


def find_fades(spool: ThumbnailSpool, stats: FrameStats, fps: float, longest_s: float) -> list[Fade]:
    """Fades out, in, and out-and-in as one; at both ends of the video too. A cut to or from a colour is no fade."""
    found: list[Fade] = []
    longest = max(3, round(longest_s * fps))
    for first, last in _flat_runs(stats, max(3, round(0.6 * fps))):
        if found and first < found[-1].end:
            continue
        colour = spool.read(first, last + 1)
        target = np.concatenate(picture_vectors(colour), axis=1).mean(axis=0)
        faintest = float(stats.contrast[first : last + 1].min())
        start, out_score = _ramp(spool, first, -1, longest, target, faintest)
        end, in_score = _ramp(spool, last, 1, longest, target, faintest)
        if _is_flash(spool, start, end, fps):
            continue
        start = max(start, found[-1].end) if found else start
        if max(out_score, in_score) >= 0.5:
            found.append(Fade(max(0, start), min(len(spool), end + 1), max(out_score, in_score)))
    return found


def _is_flash(spool: ThumbnailSpool, start: int, end: int, fps: float) -> bool:
    """Whether it is over at once and the picture after is the one before: a flash, or a wink."""
    if end - start + 1 > FLASH_SECONDS * fps or start < 1 or end + 2 > len(spool):
        return False
    left, _ = unexplained(spool.read(start - 1, start)[0], spool.read(end + 1, end + 2)[0])
    contrast = float(spool.read(start - 1, start)[0, :LUMA_SIZE].astype(np.float32).var())
    return left < 0.3 * contrast


def _flat_runs(stats: FrameStats, reach: int) -> list[tuple[int, int]]:
    """First and last frame of each run without contrast, and of each lowest point of contrast near black or white
    that is low for its surroundings."""
    contrast, luma = stats.contrast, stats.colour[:, 0]
    flat = contrast < FLAT
    padded = np.pad(contrast, reach, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    low = (contrast <= windows.min(axis=1)) & (contrast < NEARLY_FLAT * windows.max(axis=1))
    near_end = (np.abs(luma - BLACK_LUMA) < 20) | (np.abs(luma - WHITE_LUMA) < 30)
    edges = np.flatnonzero(np.diff(np.pad((flat | (low & near_end)).astype(np.int8), 1)))
    return [(int(start), int(end) - 1) for start, end in zip(edges[::2], edges[1::2], strict=True)]


def _ramp(
    spool: ThumbnailSpool, edge: int, direction: int, longest: int, target: npt.NDArray[np.float32], faintest: float
) -> tuple[int, float]:
    """Walk from the edge of a run of one colour to where the picture is whole: (last frame on the way, score).

    Without a ramp (a cut, or the end of the video) the edge itself is given, with score 0.
    """
    low, high = (edge - longest, edge + 1) if direction < 0 else (edge, edge + longest + 1)
    low = max(0, low)
    thumbs = spool.read(low, high)
    if direction < 0:
        thumbs = thumbs[::-1]
    vectors = np.concatenate(picture_vectors(thumbs), axis=1)
    away = np.sqrt(np.square(vectors - target).sum(axis=1))
    reach = _whole_at(away)
    if reach < 2:
        return edge, 0.0
    largest_step = float(np.diff(away[: reach + 1]).max()) / max(float(away[reach]), 1e-3)
    contrast = float(thumbs[reach, :LUMA_SIZE].astype(np.float32).std())
    if largest_step > 0.8 or away[reach] < 2 * FLAT or faintest > FADED * contrast:
        return edge, 0.0
    end = edge + direction * (reach + round(MARGIN_SHARE * reach))
    return end, _same_picture(vectors[1 : reach + 1] - target, away[1 : reach + 1])


def _whole_at(away: npt.NDArray[np.float32]) -> int:
    """Number of the frame at which the distance from the colour stops growing at the pace of the ramp."""
    for frame in range(1, len(away)):
        later = min(frame + max(3, frame // 3), len(away) - 1)
        pace = (away[frame] - away[0]) / frame
        if later == frame or (away[later] - away[frame]) / (later - frame) < STILL * pace:
            return frame
    return len(away) - 1


def _same_picture(pictures: npt.NDArray[np.float32], away: npt.NDArray[np.float32]) -> float:
    """Median cosine between the half-way picture and the others of the ramp: 1 when all are one picture, more or less
    faded."""
    middle = pictures[len(pictures) // 2]
    cosines = pictures @ middle / (away * np.sqrt(float(middle @ middle)) + 1e-3)
    return float(np.clip(np.median(cosines), 0, 1))
