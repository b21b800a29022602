"""Clips that can stand in one batch: of equal size and number of frames."""

from __future__ import annotations

import heapq
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.diffusion.data.settings import DataSettings, Size
from models.diffusion.data.shards import Shards

Numbers = npt.NDArray[np.int64]
# A clip of 29.97 frames per second is one of 30: read at its own rate, no frame comes twice or is left out.
SAME_RATE = 1.02
_KEYS_AT_ONCE = 1_000_000


@dataclass(frozen=True)
class Bucket:
    """``rows``: of the clips in it, in the order of the shards."""

    frames: int
    height: int
    width: int
    rows: Numbers

    @property
    def name(self) -> str:
        """14×256×384: frames, height, width."""
        return f"{self.frames}×{self.height}×{self.width}"


@dataclass(frozen=True)
class Buckets:
    """All clips that are used; ``held_out``: those that are kept from the training, in buckets of their own.

    ``left_out``: how many were not used, by reason.
    """

    training: Sequence[Bucket]
    held_out: Sequence[Bucket]
    left_out: dict[str, int]


def sort_clips(shards: Shards, settings: DataSettings) -> Buckets:
    """Each clip goes to the nearest of the sizes, and there to the largest number of frames that it has at any of the
    rates. Held out are those whose ids have the lowest CRC-32, of the clips that are long enough for
    ``settings.frames`` where there are enough of them."""
    facts = shards.facts
    fps, num_frames = facts["fps"], facts["num_frames"]
    size = nearest_sizes(facts["height"], facts["width"], settings.sizes)
    with np.errstate(invalid="ignore"):
        usable = (fps > 0) & (num_frames >= 1) & (facts["height"] > 0) & (facts["width"] > 0)
        cropped = _cropped(facts["height"], facts["width"], settings.sizes, size) <= settings.max_cropped + 1e-9
    most = np.max([grid_points(num_frames, fps, rate) for rate in settings.rates], axis=0)
    length = np.zeros(len(shards), np.int64)
    for frames in sorted(settings.lengths):
        length[most >= frames] = frames
    used = usable & cropped & (length > 0)
    left_out = {
        "media whose size or rate is not known": int((~usable).sum()),
        "of another shape": int((usable & ~cropped).sum()),
        "too short": int((usable & cropped & (length == 0)).sum()),
    }
    held = _held_out(shards, used, length, settings)
    return Buckets(
        _grouped(used & ~held, length, size, settings),
        _grouped(held, length, size, settings),
        {reason: count for reason, count in left_out.items() if count},
    )


def grid_points(
    num_frames: npt.NDArray[np.float64] | float, fps: npt.NDArray[np.float64] | float, rate: float
) -> npt.NDArray[np.int64]:
    """How many frames clips have when they are read at ``rate``: at the times k / rate up to the last frame."""
    with np.errstate(invalid="ignore", divide="ignore"):
        span = (np.asarray(num_frames) - 1) / np.asarray(fps)
        points = np.floor(span * read_rate(fps, rate) + 1e-6) + 1
    found: Numbers = np.nan_to_num(points, nan=0.0, posinf=0.0, neginf=0.0).astype(np.int64)
    return found


def read_rate(fps: npt.NDArray[np.float64] | float, rate: float) -> npt.NDArray[np.float64]:
    """Frames per second at which clips of ``fps`` are read: ``rate``, or their own where they have no more."""
    own = np.asarray(fps, np.float64)
    read: npt.NDArray[np.float64] = np.where(own < rate * SAME_RATE, own, rate)
    return read


def nearest_sizes(
    heights: npt.NDArray[np.float64], widths: npt.NDArray[np.float64], sizes: Sequence[Size]
) -> npt.NDArray[np.int64]:
    """The place in ``sizes`` of the one whose ratio of width to height is nearest, of equals the first."""
    with np.errstate(invalid="ignore", divide="ignore"):
        aspect = np.log(widths / heights)
        distances = np.stack([np.abs(aspect - math.log(width / height)) for height, width in sizes])
    nearest: Numbers = np.argmin(np.nan_to_num(np.round(distances, 9), nan=np.inf, posinf=np.inf), axis=0)
    return nearest


def _cropped(
    heights: npt.NDArray[np.float64], widths: npt.NDArray[np.float64], sizes: Sequence[Size], chosen: Numbers
) -> npt.NDArray[np.float64]:
    """Share of each picture that is cut off."""
    aspect = widths / heights
    wanted = np.array([width / height for height, width in sizes])[chosen]
    kept: npt.NDArray[np.float64] = np.minimum(aspect / wanted, wanted / aspect)
    return 1 - kept


def _held_out(
    shards: Shards, used: npt.NDArray[np.bool_], length: Numbers, settings: DataSettings
) -> npt.NDArray[np.bool_]:
    chosen = np.zeros(len(shards), np.bool_)
    if settings.held_out:
        whole = used & (length == settings.frames)
        candidates = np.flatnonzero(whole if whole.sum() > settings.held_out else used)
        found: list[tuple[int, str, int]] = []
        for start in range(0, len(candidates), _KEYS_AT_ONCE):
            rows = candidates[start : start + _KEYS_AT_ONCE]
            keys = zip(shards.keys(rows), rows.tolist(), strict=True)
            found = heapq.nsmallest(
                settings.held_out, [*found, *((zlib.crc32(key.encode()), key, row) for key, row in keys)]
            )
        chosen[[row for _, _, row in found]] = True
    return chosen


def _grouped(used: npt.NDArray[np.bool_], length: Numbers, size: Numbers, settings: DataSettings) -> list[Bucket]:
    found = []
    for frames in settings.lengths:
        for number, (height, width) in enumerate(settings.sizes):
            rows = np.flatnonzero(used & (length == frames) & (size == number))
            if len(rows):
                found.append(Bucket(frames, height, width, rows))
    return found
