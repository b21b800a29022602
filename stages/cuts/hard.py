"""Hard cuts: which of the native detector's hits are real."""

from __future__ import annotations

import numpy as np

from stages.cuts.motion import unexplained
from stages.cuts.spool import ThumbnailSpool
from stages.cuts.stats import FrameStats
from stages.cuts.thumbnail import LUMA_SIZE, Thumbnails

# A flash, or anything else that leaves the picture as it was, lasts at most this long.
FLASH_SECONDS = 0.2
# Frames on either side whose changes a cut must exceed, and by what factor (of mean squares).
NEIGHBOURS, PEAK = 3, 1.3
# The least mean square change of luma, in squared levels: less is not seen.
VISIBLE = 6.0


def find_hard_cuts(hits: set[int], spool: ThumbnailSpool, stats: FrameStats, fps: float) -> dict[int, float]:
    """The frames among ``hits`` that begin a new shot, with scores 0 … 1."""
    flash_frames = max(2, round(FLASH_SECONDS * fps))
    found = {}
    for frame in sorted(hits):
        if not 0 < frame < len(spool) or stats.step[frame] < max(VISIBLE, PEAK * _largest_nearby(stats, frame)):
            continue
        first = max(0, frame - flash_frames - 1)
        score = confidence(spool.read(first, frame + flash_frames + 1), frame - first)
        if score >= 0.5:
            found[frame] = score
    return found


def confidence(thumbs: Thumbnails, cut: int) -> float:
    """0 … 1: how sure it is that frame ``cut`` of uint8 [n, THUMBNAIL_SIZE] shows another shot than the frame before.

    What motion does not explain of the change must be a good part of it and of the variance of the pictures, and the
    change must last: the frames after must not look like those before (that is a flash, or something that passed).
    """
    left, raw = unexplained(thumbs[cut - 1], thumbs[cut])
    luma = thumbs[cut - 1 : cut + 1, :LUMA_SIZE].astype(np.float32)
    novelty = left / (float(luma.var(axis=1).sum()) + VISIBLE)
    evidence = min(novelty / 0.18, left / (raw + 1) / 0.22, left / VISIBLE)
    if evidence < 1:
        return 0.0
    back = [unexplained(thumbs[cut - 1], later)[0] for later in thumbs[cut + 1 :: 2]]
    back += [unexplained(earlier, thumbs[cut])[0] for earlier in thumbs[: cut - 1 : 2]]
    lasting = min([left, *back]) / left
    return float(1 - 0.5 ** (min(evidence, lasting / 0.3)))


def _largest_nearby(stats: FrameStats, frame: int) -> float:
    around = np.concatenate([stats.step[max(1, frame - NEIGHBOURS) : frame], stats.step[frame + 1 : frame + 1 + NEIGHBOURS]])
    return float(around.max(initial=0.0))
