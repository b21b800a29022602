"""`perceptual_hash`: what a clip looks like, in few bits, without a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from curation.stage import Annotator, ClipSample
from curation.video.sampling import FrameRequest
from stages.duplicates.picture_hash import PICTURE_SIDE, picture_hash, to_text

THIRDS = 3
FRAMES_PER_THIRD = 12


class PerceptualHash(Annotator):
    """A hash of 256 bits of each third of a clip, of the mean of twelve frames of it.

    ``perceptual_hash``: 192 hexadecimal digits. A third that shows nothing (black, a fade, one colour) has zeros. Means
    are hashed because they change little when a clip begins or ends some frames earlier.
    """

    name = "perceptual_hash"
    reads = ("frames",)
    writes: ClassVar[Mapping[str, pa.DataType]] = {"perceptual_hash": pa.string()}

    def frames(self) -> FrameRequest:
        """Small grey frames at equal distances."""
        count = THIRDS * FRAMES_PER_THIRD
        return FrameRequest("uniform", count=count, short_side=PICTURE_SIDE, pixel_format="gray")

    def setup(self) -> None:
        """Keep OpenCV to this actor's CPUs."""
        import cv2

        cv2.setNumThreads(max(1, int(self.num_cpus)))

    def annotate(self, clips: Sequence[ClipSample]) -> list[dict[str, Any]]:
        """``perceptual_hash`` of each clip."""
        return [{"perceptual_hash": _hash(clip)} for clip in clips]


def _hash(clip: ClipSample) -> str:
    frames = clip.pictures()[..., 0].astype(np.float32)
    means = frames.reshape(THIRDS, FRAMES_PER_THIRD, *frames.shape[1:]).mean(axis=1)
    return to_text(np.stack([picture_hash(mean) for mean in means]))
