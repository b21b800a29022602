"""`videoblip` on clip files: captions equal a direct call on the full frames; weights, empty answers, settings."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from curation.errors import ItemError, UserError
from curation.stage import ClipSample
from stages.videoblip import VideoBlipCaptions
from tests.models.tiny_blip2 import create_tiny_blip2
from tests.stages.clip_samples import sample_of, write_scenes
from tests.stages.direct_captions import videoblip_caption

SCENES = {"bus": range(80, 92), "bicycle": range(200, 213), "single": range(10, 11)}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return create_tiny_blip2(tmp_path_factory.mktemp("blip2") / "opt", "opt", image_tokens=True)


@pytest.fixture(scope="module")
def clips(bikes: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_scenes(tmp_path_factory.mktemp("clips"), bikes, SCENES)


def stage_of(checkpoint: Path, **config: Any) -> VideoBlipCaptions:
    stage = VideoBlipCaptions(VideoBlipCaptions.Config(model=str(checkpoint), max_new_tokens=12, **config))
    assert [requirement.problem for requirement in stage.requirements()] == [None]
    stage.setup()
    return stage


def test_captions_equal_direct_calls(checkpoint: Path, clips: list[Path]) -> None:
    stage = stage_of(checkpoint, num_frames=4, clips_per_pass=2)
    samples = [sample_of(stage, clip) for clip in clips]
    assert samples[0].frames is not None
    assert samples[0].frames.shape == (4, 28, 28, 3)
    expected = [
        videoblip_caption(clip, checkpoint, num_frames=4, max_new_tokens=12, prompt=VideoBlipCaptions.Config().prompt)
        for clip in clips
    ]
    assert stage.annotate(samples) == [{"caption_videoblip": text} for text in expected]
    assert len(set(expected)) == 3


def test_an_empty_answer_fails_its_clip_only_and_nothing_is_asked_twice(
    checkpoint: Path, clips: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = stage_of(checkpoint, num_frames=2)
    asked: list[str] = []

    def answers(batch: list[ClipSample]) -> list[str]:
        asked.extend(clip.clip_id for clip in batch)
        return ["" if clip.clip_id == "bicycle" else clip.clip_id for clip in batch]

    monkeypatch.setattr(stage, "captions", answers)
    bus, bicycle, single = stage.annotate([sample_of(stage, clip) for clip in clips])
    assert isinstance(bicycle, ItemError)
    assert str(bicycle) == "the model gave an empty answer"
    assert (bus, single) == ({"caption_videoblip": "bus"}, {"caption_videoblip": "single"})
    assert asked == ["bus", "bicycle", "single"]


def test_the_request_for_frames_travels(checkpoint: Path) -> None:
    request = VideoBlipCaptions(VideoBlipCaptions.Config(model=str(checkpoint))).frames()
    assert pickle.loads(pickle.dumps(request)) == request
    assert (request.at, request.count) == ("uniform", 8)


def test_missing_weights_are_told_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    stage = VideoBlipCaptions(VideoBlipCaptions.Config(cache_dir=str(tmp_path)))
    (requirement,) = stage.requirements()
    assert "kpyu/video-blip-opt-2.7b-ego4d" in str(requirement.problem)
    assert "curation models pull" in str(requirement.problem)
    for call in (stage.frames, stage.setup):
        with pytest.raises(UserError, match="not on this machine"):
            call()


def test_a_folder_of_another_model_is_told(tmp_path: Path) -> None:
    stage = VideoBlipCaptions(VideoBlipCaptions.Config(model=str(tmp_path)))
    (requirement,) = stage.requirements()
    assert "--set videoblip.model=/path" in str(requirement.problem)
    with pytest.raises(UserError, match="is no model folder"):
        stage.setup()
    (tmp_path / "config.json").write_text('{"model_type": "qwen2_vl"}')
    (tmp_path / "model.safetensors").touch()
    (tmp_path / "tokenizer.json").touch()
    (requirement,) = stage.requirements()
    assert 'a model of type "qwen2_vl", not "blip-2"' in str(requirement.problem)


def test_wrong_settings_are_told() -> None:
    with pytest.raises(ValueError, match="num_beams above 1 needs temperature 0"):
        VideoBlipCaptions.Config(num_beams=3, temperature=0.7)
