"""`vlm` on clip files: captions equal transformers' own chat call; times of the frames; refusals; settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from curation.errors import ItemError, UserError
from curation.stage import ClipSample
from stages.vlm import VlmCaptions
from tests.models.tiny_vlm import create_tiny_qwen2_vl
from tests.stages.clip_samples import sample_of, write_scenes
from tests.stages.direct_captions import vlm_caption

SCENES = {"bus": range(80, 92), "bicycle": range(200, 213), "single": range(10, 11)}
SETTINGS: dict[str, Any] = {"max_new_tokens": 10, "num_frames": 4, "long_side": 64}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return create_tiny_qwen2_vl(tmp_path_factory.mktemp("vlm") / "qwen2_vl")


@pytest.fixture(scope="module")
def clips(bikes: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_scenes(tmp_path_factory.mktemp("clips"), bikes, SCENES)


def stage_of(checkpoint: Path, **config: Any) -> VlmCaptions:
    stage = VlmCaptions(VlmCaptions.Config(**{"model": str(checkpoint), **SETTINGS, **config}))
    assert [requirement.problem for requirement in stage.requirements()] == [None]
    stage.setup()
    return stage


def test_captions_equal_direct_calls(checkpoint: Path, clips: list[Path]) -> None:
    stage = stage_of(checkpoint, clips_per_pass=2)
    samples = [sample_of(stage, clip) for clip in clips]
    expected = [vlm_caption(clip, checkpoint, prompt=VlmCaptions.Config().prompt, **SETTINGS) for clip in clips]
    assert stage.annotate(samples) == [{"caption_vlm": text} for text in expected]
    assert len(set(expected)) == 3


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "empty answer"),
        ("I'm sorry, but I can't help with that.", "the model refused: I'm sorry"),
        ("i cannot describe this video", "refused"),
        ("As an AI model I have no eyes.", "refused"),
        ("I can see a red bus.", None),
        ("A sorry-looking dog sits by the road.", None),
    ],
)
def test_refusals_are_no_captions(
    checkpoint: Path, clips: list[Path], monkeypatch: pytest.MonkeyPatch, answer: str, reason: str | None
) -> None:
    stage = VlmCaptions(VlmCaptions.Config(model=str(checkpoint)))
    monkeypatch.setattr(stage, "captions", lambda batch: [answer] * len(batch))
    (result,) = stage.annotate([ClipSample("bus", {})])
    if reason is None:
        assert result == {"caption_vlm": answer}
    else:
        assert isinstance(result, ItemError)
        assert reason in str(result)


def test_a_model_that_takes_no_videos_is_told(checkpoint: Path, tmp_path: Path) -> None:
    from tests.models.tiny_blip2 import create_tiny_blip2

    folder = create_tiny_blip2(tmp_path / "blip2", "t5", image_tokens=True)
    with pytest.raises(UserError, match=r"vlm: .* no chat template.* see vlm\.model"):
        VlmCaptions(VlmCaptions.Config(model=str(folder))).setup()


def test_an_empty_question_is_told() -> None:
    with pytest.raises(ValueError, match="prompt"):
        VlmCaptions.Config(prompt="")
