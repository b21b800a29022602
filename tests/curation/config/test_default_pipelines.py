from __future__ import annotations

import pytest

from curation.config import check_pipeline, default_config_path, load_config, requirements, resolve_pipeline
from curation.errors import UserError


@pytest.mark.parametrize("name", list(load_config(default_config_path()).pipelines))
def test_a_shipped_pipeline_is_sound_but_for_weights(name: str) -> None:
    pipeline = resolve_pipeline(load_config(default_config_path()), name)
    problems = {requirement.problem for _, requirement in requirements(pipeline)} - {None}
    try:
        check_pipeline(pipeline)
    except UserError as error:
        *told, advice = str(error).split("\n")
        assert {line.split(": ", 2)[2] for line in told} == problems
        assert advice == f"to fetch missing weights ahead: curation models pull --pipeline {name}"
    else:
        assert not problems


def test_quickstart_needs_nothing_that_is_not_installed() -> None:
    pipeline = resolve_pipeline(load_config(default_config_path()), "quickstart")
    check_pipeline(pipeline)
    assert sum(requirement.download_bytes for _, requirement in requirements(pipeline)) == 0


def test_lvd_is_the_paper() -> None:
    lvd = resolve_pipeline(load_config(default_config_path()), "lvd")
    assert [stage.name for stage in lvd.stages] == [
        "cut_detection", "clipping", "optical_flow", "text_detection", "clip_scores", "dedup",
        "coca", "videoblip", "caption_merge", "clip_similarity",
    ]  # fmt: skip
    values = {stage.name: stage.config.model_dump() for stage in lvd.stages}
    assert values["clipping"]["mode"] == "copy"
    assert values["optical_flow"]["fps"] == 2
    assert values["text_detection"]["recognition"] is True
    assert (values["clip_scores"]["model"], values["clip_scores"]["pretrained"]) == ("ViT-L-14", "openai")
    assert lvd.stage("clip_scores").run.num_gpus == 0.25
    assert (values["dedup"]["by"], values["dedup"]["min_similarity"]) == ("clip_embedding", 0.95)
