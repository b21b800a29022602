"""Parameters of `caption_merge`: mistakes are told, keys are refused, inputs decide what must come before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from curation.config import annotator_fingerprint, check_pipeline, load_config, resolve_pipeline
from curation.errors import UserError
from tests.models.chat_server import KEY

PIPELINE = """
pipelines:
  merging:
    stages:
      - cut_detection: {}
      - clipping: {}
      - givers: {use: "tests.end_to_end.caption_givers:CaptionGivers"}
      - caption_merge: {use: "stages.caption_merge:CaptionMerge", engine: openai, model: m, api_key_env: null}
"""


def resolved(tmp_path: Path, *overrides: str) -> Any:
    file = tmp_path / "pipelines.yaml"
    file.write_text(PIPELINE)
    return resolve_pipeline(load_config(str(file)), "merging", overrides)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("prompt='{coca} {videblip}'", 'unknown field {videblip}; did you mean "videoblip"?'),
        ("prompt='{coca}'", "the input videoblip is not used"),
        ("prompt='{coca} {videoblip} {vlm}'", "the field {vlm} is not among the inputs"),
        ("inputs=[text]", "should hold a caption"),
        ("inputs=[coca, coca]", "names an input twice"),
        ("inputs=[coca, clip]", "should be 'coca', 'videoblip', 'vlm' or 'text'"),
        ("fallback=vlm", "vlm is not among the inputs"),
        ("base_url=ftp://host", "should be a URL like"),
        ("base_url=https://me:secret@host/v1", "should hold no password"),
        ("request={messages: []}", "messages is set by the stage"),
    ],
)
def test_mistakes_in_the_configuration_are_told(tmp_path: Path, override: str, message: str) -> None:
    with pytest.raises(UserError) as told:
        resolved(tmp_path, f"caption_merge.{override}")
    assert message in str(told.value)
    assert "secret" not in str(told.value)


def test_a_key_in_the_configuration_is_refused_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="name of an environment variable") as told:
        resolved(tmp_path, f"caption_merge.api_key_env={KEY}")
    assert KEY not in str(told.value)


def test_the_inputs_decide_what_must_come_before(tmp_path: Path) -> None:
    check_pipeline(resolved(tmp_path))
    check_pipeline(resolved(tmp_path, "caption_merge.inputs=[coca]"))
    with pytest.raises(UserError, match='nothing before it gives "caption_vlm"'):
        check_pipeline(resolved(tmp_path, "caption_merge.inputs=[coca, vlm]"))


@pytest.mark.parametrize(
    ("override", "moves"),
    [
        ("clips_per_pass=3", False),
        ("concurrent_requests=3", False),
        ("retries=1", False),
        ("base_url=http://elsewhere/v1", False),
        ("max_words=20", True),
        ("prompt='{coca} and {videoblip}'", True),
        ("fallback=coca", True),
        ("temperature=0.5", True),
    ],
)
def test_only_what_changes_texts_makes_them_out_of_date(tmp_path: Path, override: str, moves: bool) -> None:
    before = annotator_fingerprint(resolved(tmp_path), "caption_merge")
    after = annotator_fingerprint(resolved(tmp_path, f"caption_merge.{override}"), "caption_merge")
    assert (before != after) is moves


def test_a_stored_configuration_can_be_read_again(tmp_path: Path) -> None:
    stage = resolved(tmp_path).stage("caption_merge")
    assert type(stage.config).model_validate(stage.config.model_dump(mode="json")) == stage.config
