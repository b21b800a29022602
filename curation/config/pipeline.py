"""A pipeline that is ready to run: stages with validated parameters, in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from curation.config.validation import validated
from curation.dataset.schema import CLIPS
from curation.errors import UserError
from curation.registry import stage_class
from curation.stage import Annotator, DatasetAnnotator, RunPolicy, Splitter, Stage, StageConfig, columns_written
from curation.suggestions import did_you_mean
from curation.video.types import SourceKind


@dataclass(frozen=True)
class ResolvedStage:
    """A stage with its parameters.

    ``use``: "module:Class" where the stage is not a registered one; ``place``: where it was written, for messages.
    """

    name: str
    stage_class: type[Stage]
    config: StageConfig
    run: RunPolicy = field(default_factory=RunPolicy)
    use: str | None = None
    place: str = field(default="", compare=False)

    @property
    def inputs(self) -> tuple[str, ...]:
        """What the stage reads with these parameters."""
        return self.stage_class(self.config).inputs()

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; every parameter is written out, defaults too."""
        values: dict[str, Any] = {"name": self.name}
        if self.use is not None:
            values["use"] = self.use
        return {**values, "config": self.config.model_dump(mode="json"), "run": self.run.model_dump(mode="json")}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], place: str = "") -> ResolvedStage:
        """The reverse of `to_dict`. Raises UserError as `resolve_pipeline` does."""
        try:
            name, use = str(values["name"]), values.get("use")
            config, run = values["config"], values["run"]
        except KeyError as error:
            raise UserError(f"{place}: a stage without {error}") from None
        found = stage_class(name, use, place)
        return cls(
            name,
            found,
            validated(found.Config, config, name=name, place=lambda _: place),
            validated(RunPolicy, run, name=f"{name}.run", place=lambda _: place),
            use,
            place,
        )


@dataclass(frozen=True)
class ResolvedPipeline:
    """Stages in the order in which they run."""

    name: str
    stages: tuple[ResolvedStage, ...]

    @property
    def splitters(self) -> tuple[ResolvedStage, ...]:
        return tuple(stage for stage in self.stages if issubclass(stage.stage_class, Splitter))

    @property
    def annotators(self) -> tuple[ResolvedStage, ...]:
        return tuple(stage for stage in self.stages if issubclass(stage.stage_class, Annotator))

    @property
    def dataset_annotators(self) -> tuple[ResolvedStage, ...]:
        return tuple(stage for stage in self.stages if issubclass(stage.stage_class, DatasetAnnotator))

    @property
    def opens(self) -> frozenset[SourceKind]:
        """The kinds of source that the splitters take."""
        return frozenset(
            kind for one in self.splitters if issubclass(one.stage_class, Splitter) for kind in one.stage_class.opens
        )

    def stage(self, name: str) -> ResolvedStage:
        """The stage of that name. Raises UserError when the pipeline has none."""
        for stage in self.stages:
            if stage.name == name:
                return stage
        hint = did_you_mean(name, (stage.name for stage in self.stages))
        raise UserError(f'the pipeline "{self.name}" has no stage "{name}"{hint}')

    def with_stage(self, stage: ResolvedStage) -> ResolvedPipeline:
        """The pipeline with this stage in the place of its namesake, or at the end."""
        if stage.name not in [one.name for one in self.stages]:
            return replace(self, stages=(*self.stages, stage)).settled()
        return replace(self, stages=tuple(stage if one.name == stage.name else one for one in self.stages)).settled()

    def settled(self) -> ResolvedPipeline:
        """The pipeline with each stage's parameters as `Stage.settled` makes them from what earlier stages give."""
        given = set(CLIPS.names)
        stages = []
        for stage in self.stages:
            stages.append(replace(stage, config=stage.stage_class.settled(stage.config, given)))
            given.update(columns_written(stage.stage_class))
        return replace(self, stages=tuple(stages))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, for dataset.json."""
        return {"name": self.name, "stages": [stage.to_dict() for stage in self.stages]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], place: str = "dataset.json") -> ResolvedPipeline:
        """The reverse of `to_dict`.

        Raises:
            UserError: a stage is not installed here, or its parameters are not those of the installed version.
        """
        stages = tuple(ResolvedStage.from_dict(stage, place) for stage in values["stages"])
        return cls(str(values["name"]), stages)
