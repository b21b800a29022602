"""The stages of a pipeline, as workers get them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from curation.config.fingerprint import annotator_fingerprint, split_fingerprint, stage_fingerprint
from curation.config.pipeline import ResolvedPipeline
from curation.engine.resources import Pool
from curation.engine.spec import StageSpec
from curation.stage import MANIFEST, Annotator, DatasetAnnotator, Splitter
from curation.video.sampling import FrameRequest


@dataclass(frozen=True)
class Stages:
    """The stages of a pipeline in order, as workers get them. ``fingerprint``: that of all splitters together."""

    splitters: list[StageSpec]
    annotators: list[StageSpec]
    dataset_annotators: list[StageSpec]
    fingerprint: str

    def with_pools(self, pools: Sequence[Pool]) -> Stages:
        """The same with the CPUs of one actor filled in."""
        source, *rest = pools
        return replace(
            self,
            splitters=[replace(spec, num_cpus=source.num_cpus) for spec in self.splitters],
            annotators=[replace(s, num_cpus=pool.num_cpus) for s, pool in zip(self.annotators, rest, strict=True)],
        )

    def with_cpus(self, cpus: float) -> Stages:
        """The same where each stage has so many CPUs."""
        return replace(
            self,
            splitters=[replace(spec, num_cpus=cpus) for spec in self.splitters],
            annotators=[replace(spec, num_cpus=cpus) for spec in self.annotators],
        )

    def only(self, annotators: set[str]) -> Stages:
        """The same without the annotators that have nothing to do."""
        return replace(self, annotators=[spec for spec in self.annotators if spec.name in annotators])

    @property
    def manifest_columns(self) -> frozenset[str]:
        """Columns of the manifest that splitters read."""
        stages = [_splitter(spec) for spec in self.splitters]
        return frozenset(name for stage in stages for name in stage.manifest_columns())

    def requests(self) -> dict[str, FrameRequest]:
        """The frames that each annotator wants, by stage name."""
        wanted = {spec.name: _annotator(spec).frames() for spec in self.annotators}
        return {name: request for name, request in wanted.items() if request is not None}


def stages_of(pipeline: ResolvedPipeline) -> Stages:
    """The stages of a pipeline with their fingerprints."""
    splitters = [
        StageSpec(stage.name, stage.stage_class, stage.config, stage.run, stage_fingerprint(stage))
        for stage in pipeline.splitters
    ]
    others = [
        StageSpec(stage.name, stage.stage_class, stage.config, stage.run, annotator_fingerprint(pipeline, stage.name))
        for stage in pipeline.stages
        if stage not in pipeline.splitters
    ]
    return Stages(
        splitters,
        [spec for spec in others if issubclass(spec.stage_class, Annotator)],
        [spec for spec in others if issubclass(spec.stage_class, DatasetAnnotator)],
        split_fingerprint(pipeline),
    )


def worker_arguments(stages: Stages, dataset_url: str, ledger: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Keyword arguments of `SourceWorker`, and of the `AnnotateWorker` of each annotator."""
    source = {
        "dataset_url": dataset_url,
        "ledger": ledger,
        "splitters": stages.splitters,
        "fingerprint": stages.fingerprint,
        "todo": [spec.name for spec in stages.annotators],
        "requests": stages.requests(),
        "with_manifest": any(MANIFEST in spec.inputs for spec in stages.annotators),
    }
    annotators = [
        {
            "dataset_url": dataset_url,
            "ledger": ledger,
            "spec": spec,
            "is_last": index == len(stages.annotators) - 1,
            "carry": frozenset(name for later in stages.annotators[index + 1 :] for name in later.inputs),
        }
        for index, spec in enumerate(stages.annotators)
    ]
    return source, annotators


def _splitter(spec: StageSpec) -> Splitter:
    stage = spec.build()
    assert isinstance(stage, Splitter)
    return stage


def _annotator(spec: StageSpec) -> Annotator:
    stage = spec.build()
    assert isinstance(stage, Annotator)
    return stage
