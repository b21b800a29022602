"""Fingerprints of stages: equal when the results are equal, whatever the run policy."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from curation.config.pipeline import ResolvedPipeline, ResolvedStage
from curation.stage import columns_written

LENGTH = 16


def stage_fingerprint(stage: ResolvedStage) -> str:
    """`LENGTH` hex digits over name, version and parameters of one stage."""
    parameters = stage.config.model_dump(mode="json", exclude=set(stage.config.without_effect))
    return _digest([stage.name, stage.use, stage.stage_class.version, parameters])


def split_fingerprint(pipeline: ResolvedPipeline) -> str:
    """`LENGTH` hex digits over all splitters in order: which clips a source video gives."""
    return _digest([stage_fingerprint(stage) for stage in pipeline.splitters])


def annotator_fingerprint(pipeline: ResolvedPipeline, name: str) -> str:
    """As `stage_fingerprint`, and over the annotators whose columns the stage reads, and theirs in turn.

    The splitters are not part of it: an annotation is a fact about a clip, and other clips have other ids. Of a
    `DatasetAnnotator` it is the part that the pipeline decides; `curation.engine.whole_dataset` adds the clips.

    Raises:
        UserError: the pipeline has no such stage.
    """
    stage = pipeline.stage(name)
    inputs = []
    for earlier in pipeline.stages:
        if earlier.name == name:
            break
        if columns_written(earlier.stage_class).keys() & set(stage.inputs):
            inputs.append(annotator_fingerprint(pipeline, earlier.name))
    own = stage_fingerprint(stage)
    return _digest([own, *inputs]) if inputs else own


def parameters_by_fingerprint(pipeline: ResolvedPipeline) -> dict[str, list[dict[str, Any]]]:
    """What each fingerprint of a pipeline stands for, as plain values: name, version and parameters of an annotator of
    either kind, or of all splitters in order."""
    found = {split_fingerprint(pipeline): [_parameters(stage) for stage in pipeline.splitters]}
    for stage in (*pipeline.annotators, *pipeline.dataset_annotators):
        found[annotator_fingerprint(pipeline, stage.name)] = [_parameters(stage)]
    return found


def _parameters(stage: ResolvedStage) -> dict[str, Any]:
    values = {key: value for key, value in stage.to_dict().items() if key != "run"}
    return {**values, "version": stage.stage_class.version}


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]
