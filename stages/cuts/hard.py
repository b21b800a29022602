"""Hard cuts: which of the native detector's hits are real."""

from __future__ import annotations

import numpy as np

from stages.cuts.motion import unexplained
from stages.cuts.spool import ThumbnailSpool
from stages.cuts.stats import FrameStats
from stages.cuts.thumbnail import HEIGHT, LUMA_SIZE, WIDTH, Thumbnails

# A flash, or anything else that leaves the picture as it was, lasts at most this long.
FLASH_SECONDS = 0.2
# Frames on either side whose changes a cut must exceed, and by what factor (of mean squares) at least and at most.
NEIGHBOURS, LEAST_PEAK, MOST_PEAK = 3, 1.1, 10.0
# Least values of what `confidence` weighs: the valley between cuts and other sudden changes (docs/cut_detection.md).
NOVELTY, SHARE, LASTING, PEAK_TIMES_NOVELTY = 0.1, 0.2, 0.3, 0.72
# The least mean square change of luma, in squared levels: less is not seen.
VISIBLE = 6.0
# Lines and columns that are nowhere lighter are bars beside or above the picture.
BLACK_BAR = 24


def find_hard_cuts(hits: set[int], spool: ThumbnailSpool, stats: FrameStats, fps: float) -> dict[int, float]:
    """The frames among ``hits`` that begin a new shot, with scores 0 … 1."""
    flash_frames = max(2, round(FLASH_SECONDS * fps))
    found = {}
    for frame in sorted(hits):
        if not 0 < frame < len(spool) or stats.step[frame] < VISIBLE:
            continue
        peak = float(stats.step[frame]) / (_largest_nearby(stats, frame) + 1e-3)
        if peak < LEAST_PEAK:
            continue
        first = max(0, frame - flash_frames - 1)
        score = confidence(spool.read(first, frame + flash_frames + 1), frame - first, peak)
        if score >= 0.5:
            found[frame] = score
    return found


def confidence(thumbs: Thumbnails, cut: int, peak: float) -> float:
    """0 … 1: how sure it is that frame ``cut`` of uint8 [n, THUMBNAIL_SIZE] shows another shot than the frame before.

    ``peak``: the change at the cut over the largest change nearby. What motion does not explain of the change must be
    a good part of the variance of the pictures, the more so the less the change stands out among those around it; and
    it must last: the frames after must not look like those before (that is a flash, or something that passed).
    """
    left, raw = unexplained(thumbs[cut - 1], thumbs[cut])
    novelty = left / (_variance(thumbs[cut - 1 : cut + 1]) + VISIBLE)
    outstanding = min(peak, MOST_PEAK) * novelty / PEAK_TIMES_NOVELTY
    evidence = min(outstanding, novelty / NOVELTY, left / (raw + 1) / SHARE, left / VISIBLE)
    if evidence < 1:
        return 0.0
    back = [unexplained(thumbs[cut - 1], later)[0] for later in thumbs[:cut:-3]]
    back += [unexplained(earlier, thumbs[cut])[0] for earlier in thumbs[: cut - 1 : 3]]
    lasting = min([left, *back]) / left
    return float(1 - 0.5 ** min(evidence, lasting / LASTING))


def _variance(thumbs: Thumbnails) -> float:
    """Sum of the luma variances of two frames within the picture, black bars left out, as a share of the whole area."""
    luma = thumbs[:, :LUMA_SIZE].reshape(-1, HEIGHT, WIDTH)
    brightest = luma.max(axis=0)
    rows = np.flatnonzero(brightest.max(axis=1) > BLACK_BAR)
    columns = np.flatnonzero(brightest.max(axis=0) > BLACK_BAR)
    picture = luma[:, rows][:, :, columns].astype(np.float32)
    return float(picture.var(axis=(1, 2)).sum()) * picture[0].size / LUMA_SIZE if picture.size else 0.0


def _largest_nearby(stats: FrameStats, frame: int) -> float:
    before, after = stats.step[max(1, frame - NEIGHBOURS) : frame], stats.step[frame + 1 : frame + 1 + NEIGHBOURS]
    return max(float(before.max(initial=0.0)), float(after.max(initial=0.0)))
