"""A stage that would gain from a GPU and gets none of those that are there."""

from __future__ import annotations

from typing import Any

from curation.config import load_config, resolve_pipeline
from curation.engine.idle_gpus import idle_gpus
from curation.engine.pipeline import stages_of


def told(gpus: float, *overrides: str) -> Any:
    stages = stages_of(resolve_pipeline(load_config(None), "lvd", overrides))
    return idle_gpus([*stages.splitters, *stages.annotators], gpus)


def test_it_is_told_where_there_is_a_gpu() -> None:
    on_cpu = [
        f"{name}.run.num_gpus=0"
        for name in ("text_detection", "clip_scores", "coca", "videoblip", "caption_merge", "clip_similarity")
    ]
    message = told(2, *on_cpu)
    assert message.startswith(
        "text_detection, clip_scores, coca, videoblip, caption_merge, clip_similarity: on the CPU"
    )
    assert "there are 2 GPUs" in message
    assert "optical_flow" not in message
    assert told(0, *on_cpu) is None
    assert told(2, *on_cpu[1:], "text_detection.run.num_gpus=0.1").startswith("clip_scores, coca, ")


def test_a_model_behind_a_server_needs_none() -> None:
    settings = ("engine=openai", "model=m", "base_url=http://localhost:9/v1", "run.num_gpus=0")
    assert "caption_merge" not in (told(1, *(f"caption_merge.{setting}" for setting in settings)) or "")
