"""A few numbers per frame for the whole video, measured on the thumbnails."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stages.cuts.spool import ThumbnailSpool
from stages.cuts.thumbnail import CHROMA_SIZE, LUMA_SIZE

CHUNK = 512


@dataclass(frozen=True)
class FrameStats:
    """float32, one entry per frame, in levels of 8 bits.

    ``step``: mean squared change of luma from the frame before (0 for the first); ``contrast``: standard deviation of
    luma over the frame; ``colour`` [n, 3]: means of Y, U, V.
    """

    step: npt.NDArray[np.float32]
    contrast: npt.NDArray[np.float32]
    colour: npt.NDArray[np.float32]

    @classmethod
    def of(cls, spool: ThumbnailSpool) -> FrameStats:
        """Measure all frames, a chunk at a time."""
        steps, contrasts, colours = [], [], []
        for start in range(0, len(spool), CHUNK):
            thumbs = spool.read(start - 1, start + CHUNK)
            luma = thumbs[:, :LUMA_SIZE].astype(np.float32)
            step = np.square(np.diff(luma, axis=0)).mean(axis=1)
            if start == 0:
                step = np.concatenate([np.zeros(1, np.float32), step])
            else:
                thumbs, luma = thumbs[1:], luma[1:]
            chroma = thumbs[:, LUMA_SIZE:].reshape(-1, 2, CHROMA_SIZE).mean(axis=2, dtype=np.float32)
            steps.append(step)
            contrasts.append(luma.std(axis=1))
            colours.append(np.concatenate([luma.mean(axis=1, keepdims=True), chroma], axis=1))
        return cls(np.concatenate(steps), np.concatenate(contrasts), np.concatenate(colours))
