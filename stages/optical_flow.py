"""`optical_flow`: how much moves in a clip."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar, cast

import numpy as np
import pyarrow as pa
from pydantic import Field

from curation.errors import ItemError
from curation.stage import Annotator, ClipSample, StageConfig
from curation.video.sampling import FrameRequest, Frames

POOLED_SHORT_SIDE = 16

_log = logging.getLogger(__name__)


class OpticalFlow(Annotator):
    """Mean magnitude of Farnebäck's dense optical flow, as in Stable Video Diffusion (arXiv 2311.15127, §3.1).

    The flow between neighbouring samples (``fps`` per second, grey, short side ``short_side``) is averaged over cells
    until its short side is 16; ``motion_score`` is the mean length of these vectors over space and time, in percent of
    the picture's short side per second. So it depends neither on the source's resolution nor on its frame rate.

    Motion of more than about 15 % of the short side between two samples cannot be followed and scores too low.
    Source: G. Farnebäck, "Two-Frame Motion Estimation Based on Polynomial Expansion", SCIA 2003, by OpenCV.
    """

    class Config(StageConfig):
        """Parameters of `optical_flow`."""

        fps: float = Field(2.0, gt=0, le=60, description="frames per second that are compared")
        short_side: int = Field(64, ge=16, le=1080, description="size at which flow is computed, pixels")

    name = "optical_flow"
    reads = ("frames", "num_frames", "fps")
    writes: ClassVar[Mapping[str, pa.DataType]] = {"motion_score": pa.float32()}

    def frames(self) -> FrameRequest:
        """Grey frames at ``fps``; the first and the last of a clip that is shorter than 1/``fps``."""
        config = self._config
        return FrameRequest("rate", fps=config.fps, short_side=config.short_side, pixel_format="gray")

    def setup(self) -> None:
        """Keep OpenCV to this actor's CPUs."""
        import cv2

        cv2.setNumThreads(max(1, int(self.num_cpus)))
        if self.device != "cpu":
            _log.warning("optical_flow runs on the CPU: this OpenCV has no flow on a GPU; remove run.num_gpus")

    def annotate(self, clips: Sequence[ClipSample]) -> list[dict[str, Any] | ItemError]:
        """One ``motion_score`` per clip; an error for a clip of one frame, which cannot show motion."""
        return [self._row(clip) for clip in clips]

    @property
    def _config(self) -> Config:
        return cast(OpticalFlow.Config, self.config)

    def _row(self, clip: ClipSample) -> dict[str, Any] | ItemError:
        if clip.frames is None or len(clip.frames) < 2:
            return ItemError("one frame cannot show motion; optical_flow needs two")
        grey = clip.frames[..., 0]
        seconds = min((len(grey) - 1) / self._config.fps, (clip.values["num_frames"] - 1) / clip.values["fps"])
        moved = sum(_mean_displacement(before, after) for before, after in pairwise(grey))
        return {"motion_score": float(100 * moved / min(grey.shape[1:]) / seconds)}


def _mean_displacement(before: Frames, after: Frames) -> float:
    """Mean length in pixels of the pooled flow between two grey frames, uint8 [h, w]."""
    import cv2

    flow = cv2.calcOpticalFlowFarneback(
        before,
        after,
        None,  # type: ignore[call-overload]
        pyr_scale=0.5,
        levels=3,
        winsize=15,
        iterations=3,
        poly_n=5,
        poly_sigma=1.2,
        flags=0,
    )
    height, width = before.shape
    scale = min(1.0, POOLED_SHORT_SIDE / min(height, width))
    cells = max(1, round(width * scale)), max(1, round(height * scale))
    pooled = cv2.resize(flow, cells, interpolation=cv2.INTER_AREA)
    return float(np.linalg.norm(pooled, axis=2).mean())
