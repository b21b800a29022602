"""Cascaded cut detection: one decode, three PySceneDetect detectors at three frame rates, one list of transitions.

Method and figures: docs/cut_detection.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from curation.errors import ItemError
from curation.stage import Splitter, StageConfig
from curation.video.damage import Damage
from curation.video.reader import decode_frames, open_video
from curation.video.types import SourceVideo, WrittenClip
from stages.cuts.cascade import Limits, find_transitions
from stages.cuts.detectors import DetectorName, RateDetector, propose
from stages.cuts.scan import scan
from stages.cuts.spool import ThumbnailSpool

# A detector only proposes, so its threshold is far below the one at which its hit would be a cut by itself.
DEFAULT_THRESHOLD: dict[str, float] = {"content": 7.0, "adaptive": 2.0, "histogram": 0.1, "hash": 0.25}


class Rate(BaseModel):
    """One rate of the cascade, its PySceneDetect detector and that detector's threshold.

    In YAML a plain ``native`` or a number of frames per second stands for the rate with the default detector.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rate: Literal["native"] | Annotated[float, Field(gt=0)] = Field(description='"native" or frames per second')
    detector: DetectorName = "content"
    threshold: float | None = Field(None, gt=0, description="in the detector's own unit; lower proposes more")

    @model_validator(mode="before")
    @classmethod
    def _from_plain(cls, value: Any) -> Any:
        return {"rate": value} if isinstance(value, str | int | float) else value


class CutDetection(Splitter):
    """Finds the transitions of a source video and the index of its frames; yields no clips."""

    name = "cut_detection"
    provides = ("transitions", "frame_index")

    class Config(StageConfig):
        """Parameters of the cascade."""

        rates: tuple[Rate, ...] = Field(
            (Rate(rate="native"), Rate(rate=8.0), Rate(rate=2.0)), min_length=1, description="the rates of the cascade"
        )
        fades: bool = Field(True, description="look for fades through and to one colour")
        shortest_s: float = Field(0.2, gt=0, description="shortest gradual transition in seconds")
        max_damage: float = Field(
            0.01, ge=0, le=1, description="share of damaged or missing frames above which a video fails"
        )
        longest_s: float = Field(3.3, gt=0, le=10, description="longest gradual transition in seconds")

    config: Config

    def split(self, video: SourceVideo) -> Iterable[WrittenClip]:
        """Fill ``video.transitions`` and ``video.frame_index``.

        Raises:
            ItemError: the file cannot be opened, or no frame of it can be decoded.
            ItemTimeoutError: the video's deadline passed.
        """
        import cv2

        cv2.setNumThreads(1)
        spool = ThumbnailSpool(video.workdir)
        damage = Damage()
        try:
            threads = max(1, int(self.num_cpus))
            with open_video(video.path, thread_count=threads, is_filtered=False) as (container, stream):
                time_base = stream.time_base
                if time_base is None:
                    raise ItemError("the video stream has no time base")
                index = scan(decode_frames(container, stream, video.deadline, damage), time_base, spool)
                share = self._judge(video, damage, len(index.pts), stream.frames)
            if len(index.pts) == 0:
                raise ItemError("no frame of this video can be decoded")
            limits = Limits(self.config.shortest_s, self.config.longest_s)
            hits = propose(self._detectors(index.time_base), spool, index, video.deadline)
            video.frame_index = replace(index, spoiled=damage.spoiled()) if share else index
            video.transitions = find_transitions(
                hits, index, spool, limits, fades=self.config.fades, deadline=video.deadline
            )
        finally:
            spool.close()
        return ()

    def _detectors(self, time_base: Fraction) -> list[RateDetector]:
        return [
            RateDetector(
                rate.detector,
                rate.threshold or DEFAULT_THRESHOLD[rate.detector],
                None if rate.rate == "native" else rate.rate,
                time_base,
            )
            for rate in self.config.rates
        ]

    def _judge(self, video: SourceVideo, damage: Damage, decoded: int, announced: int) -> float:
        share = damage.share(decoded, announced)
        if share > self.config.max_damage:
            raise ItemError(f"damaged: {damage}; {share:.1%} of its frames; max_damage is {self.config.max_damage:.1%}")
        if share:
            video.notes.append(f"damaged: {damage}")
        return share
