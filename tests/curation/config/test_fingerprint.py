from __future__ import annotations

import pytest

from curation.config import (
    ResolvedPipeline,
    annotator_fingerprint,
    load_config,
    resolve_pipeline,
    split_fingerprint,
    stage_fingerprint,
)
from tests.curation.config.conftest import BASE, Write
from tests.curation.config.example_stages import Hint


@pytest.fixture
def pipeline(write: Write) -> ResolvedPipeline:
    return resolve_pipeline(load_config(write(BASE)), "base")


def changed(*overrides: str) -> ResolvedPipeline:
    return resolve_pipeline(load_config("pipelines.yaml"), "base", overrides)


def prints(pipeline: ResolvedPipeline) -> dict[str, str]:
    annotators = {stage.name: annotator_fingerprint(pipeline, stage.name) for stage in pipeline.annotators}
    return {"split": split_fingerprint(pipeline), **annotators}


def test_they_are_the_same_in_every_process(pipeline: ResolvedPipeline) -> None:
    """A changed value here means that every dataset is computed again."""
    assert stage_fingerprint(pipeline.stage("cutter")) == "c6f1d529ee5c6bcf"
    assert prints(pipeline) == {"split": "82355c83746d7556", "hint": "cbc01bd3dca1653a", "motion": "25bb4f075170e548"}


@pytest.mark.parametrize(
    ("override", "moved"),
    [
        ("clipper.run.batch_size=77", set()),
        ("motion.run.num_gpus=1", set()),
        ("motion.fps=4.0", set()),
        ("motion.fps=5", {"motion"}),
        ("hint.unit=ms", {"hint", "motion"}),
        ("cutter.detector.threshold=0.1", {"split"}),
        ("clipper.mode=exact", {"split"}),
    ],
)
def test_what_they_depend_on(pipeline: ResolvedPipeline, override: str, moved: set[str]) -> None:
    before, after = prints(pipeline), prints(changed(override))
    assert {name for name in before if before[name] != after[name]} == moved


def test_a_new_version_of_a_stage_moves_it_and_those_that_read_it(
    pipeline: ResolvedPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = prints(pipeline)
    monkeypatch.setattr(Hint, "version", 2)
    after = prints(pipeline)
    assert {name for name in before if before[name] != after[name]} == {"hint", "motion"}
