"""Thumbnails: each frame area-averaged to 64 × 36, kept as planar YUV 4:2:0 (I420).

The planes of the decoded frame are shrunk one by one where they lie: no full-size frame is ever converted or copied.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from curation.video.pixel_layout import pixel_layout

WIDTH, HEIGHT = 64, 36
LUMA_SIZE = WIDTH * HEIGHT
CHROMA_SIZE = LUMA_SIZE // 4
THUMBNAIL_SIZE = LUMA_SIZE + 2 * CHROMA_SIZE
PLANES = (
    (slice(0, LUMA_SIZE), (HEIGHT, WIDTH)),
    (slice(LUMA_SIZE, LUMA_SIZE + CHROMA_SIZE), (HEIGHT // 2, WIDTH // 2)),
    (slice(LUMA_SIZE + CHROMA_SIZE, THUMBNAIL_SIZE), (HEIGHT // 2, WIDTH // 2)),
)
# Of a large plane only this many lines are read for each line of the thumbnail: with two, thin letters alias.
LINES = 4
# OpenCV averages areas of whole pixels many times faster than others: up to this share is left out at the edges for it.
TRIMMED = 0.05

Thumbnail = npt.NDArray[np.uint8]
Thumbnails = npt.NDArray[np.uint8]


def thumbnail(frame: av.VideoFrame) -> Thumbnail:
    """uint8 [THUMBNAIL_SIZE]: the planes Y [36, 64], U [18, 32], V [18, 32] one after the other."""
    import cv2

    layout = pixel_layout(frame.format.name)
    if not layout.is_planar:
        frame = frame.reformat(format="yuv420p", width=4 * WIDTH, height=4 * HEIGHT, interpolation="AREA")
        layout = pixel_layout("yuv420p")
    shift = layout.bits - 8
    result = np.empty(THUMBNAIL_SIZE, np.uint8)
    for plane, (part, (height, width)) in zip(frame.planes, PLANES, strict=False):
        samples = _halved(_sampled(layout.samples(plane), height, width), height, width)
        if shift:
            small = np.asarray(cv2.resize(samples, (width, height), interpolation=cv2.INTER_AREA), np.uint16)
            result[part] = (small >> shift).reshape(-1)
        else:
            cv2.resize(samples, (width, height), dst=result[part].reshape(height, width), interpolation=cv2.INTER_AREA)
    return result


def _sampled(plane: npt.NDArray[Any], height: int, width: int) -> npt.NDArray[Any]:
    """The part of a plane that is averaged to height × width: a view where lines lie at whole distances."""
    spare = plane.shape[1] % width
    if spare <= TRIMMED * plane.shape[1]:
        plane = plane[:, spare // 2 : plane.shape[1] - (spare - spare // 2)]
    lines, wanted = plane.shape[0], LINES * height
    if lines <= wanted:
        return plane
    step, spare = divmod(lines, wanted)
    if spare <= TRIMMED * lines:
        return plane[(spare + step) // 2 :: step][:wanted]
    return plane[_lines(lines, wanted)]


def _halved(plane: npt.NDArray[Any], height: int, width: int) -> npt.NDArray[Any]:
    """Halved as long as height × width divides it: OpenCV does that four times faster than it averages larger areas."""
    import cv2

    while plane.shape[0] % (2 * height) == 0 and plane.shape[1] % (2 * width) == 0:
        plane = cv2.resize(plane, (plane.shape[1] // 2, plane.shape[0] // 2), interpolation=cv2.INTER_AREA)
    return plane


@lru_cache(maxsize=16)
def _lines(height: int, wanted: int) -> npt.NDArray[np.int64]:
    """Numbers of ``wanted`` lines, evenly spread over ``height``."""
    return (2 * np.arange(wanted, dtype=np.int64) + 1) * height // (2 * wanted)


def to_bgr(thumb: Thumbnail) -> npt.NDArray[np.uint8]:
    """uint8 [36, 64, 3] in BGR order, as PySceneDetect's detectors want it."""
    import cv2

    return cv2.cvtColor(thumb.reshape(HEIGHT * 3 // 2, WIDTH), cv2.COLOR_YUV2BGR_I420).astype(np.uint8, copy=False)
