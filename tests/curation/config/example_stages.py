"""Stages of a user's own package, named in configurations with ``use``."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, ClassVar, Literal

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, model_validator

from curation.dataset.clip_columns import ClipColumns
from curation.stage import Annotator, ClipSample, DatasetAnnotator, Requirement, Splitter, StageConfig
from curation.video.types import SourceVideo, WrittenClip


class Detector(BaseModel):
    model_config = ConfigDict(extra="forbid")
    threshold: float = 0.5


class Cutter(Splitter):
    """Finds transitions, yields nothing."""

    class Config(StageConfig):
        rates: tuple[float | Literal["native"], ...] = Field(("native", 8.0, 2.0), min_length=1)
        detector: Detector = Detector()

    name = "cutter"
    provides = ("transitions",)

    def split(self, video: SourceVideo) -> Iterable[WrittenClip]:
        return ()


class Clipper(Splitter):
    class Config(StageConfig):
        mode: Literal["copy", "smart", "exact"] = "smart"
        min_seconds: float = Field(2, gt=0)
        max_seconds: float = 20

        @model_validator(mode="after")
        def _ordered(self) -> Clipper.Config:
            if self.min_seconds > self.max_seconds:
                raise ValueError("min_seconds is larger than max_seconds")
            return self

    name = "clipper"
    reads = ("transitions",)

    def split(self, video: SourceVideo) -> Iterable[WrittenClip]:
        return ()


class AllInOne(Splitter):
    """Finds transitions and yields clips."""

    name = "all_in_one"
    provides = ("transitions", "clips")

    def split(self, video: SourceVideo) -> Iterable[WrittenClip]:
        return ()


class Motion(Annotator):
    class Config(StageConfig):
        fps: float = 2.0
        weights: str | None = None

    name = "motion"
    reads = ("frames", "duration_hint")
    writes: ClassVar[dict[str, pa.DataType]] = {"speed": pa.float32()}

    def requirements(self) -> Iterable[Requirement]:
        weights = self.config.weights  # type: ignore[attr-defined]
        return [Requirement("weights", f"{weights}: no such file; download it" if weights else None)]

    def annotate(self, clips: Sequence[ClipSample]) -> list[dict[str, Any]]:
        return [{"speed": 0.0} for _ in clips]


class Hint(Annotator):
    class Config(StageConfig):
        unit: str = "s"

    name = "hint"
    reads = ("start_s",)
    writes: ClassVar[dict[str, pa.DataType]] = {"duration_hint": pa.float32()}

    def annotate(self, clips: Sequence[ClipSample]) -> list[dict[str, Any]]:
        return [{"duration_hint": 0.0} for _ in clips]


class Rival(Hint):
    name = "rival"


class Namesake(Hint):
    """Writes a column that the table of clips has."""

    name = "namesake"
    writes: ClassVar[dict[str, pa.DataType]] = {"fps": pa.float32()}


class Rank(DatasetAnnotator):
    """Sees the whole dataset, and takes the first of two columns that is there."""

    class Config(StageConfig):
        by: Literal["auto", "speed", "duration_hint"] = "auto"

    name = "rank"
    writes: ClassVar[dict[str, pa.DataType]] = {"rank": pa.int64()}
    config: Config

    @classmethod
    def settled(cls, config: StageConfig, columns: Collection[str]) -> StageConfig:
        assert isinstance(config, cls.Config)
        found = next((name for name in ("speed", "duration_hint") if name in columns), "auto")
        return config.model_copy(update={"by": found}) if config.by == "auto" else config

    def inputs(self) -> tuple[str, ...]:
        return () if self.config.by == "auto" else (self.config.by,)

    def annotate_all(self, clips: ClipColumns) -> Iterable[pa.Table]:
        return ()


class RankOfRank(Rank):
    name = "rank_of_rank"
    writes: ClassVar[dict[str, pa.DataType]] = {"rank_of_rank": pa.int64()}

    def inputs(self) -> tuple[str, ...]:
        return ("rank",)


class Looker(Rank):
    """Wants the frames of all clips at once."""

    name = "looker"
    writes: ClassVar[dict[str, pa.DataType]] = {"looks": pa.int64()}

    def inputs(self) -> tuple[str, ...]:
        return ("frames",)


class Reader(Hint):
    """Reads clip by clip what only the whole dataset tells."""

    name = "reader"
    reads = ("rank",)
    writes: ClassVar[dict[str, pa.DataType]] = {"read": pa.float32()}


class Unfinished(Annotator):
    """Lacks `annotate`."""

    name = "unfinished"


NOT_A_STAGE = 3
