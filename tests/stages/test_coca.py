"""`caption_coca` of clip files, against the captioner on the full frame; settings, weights, and whole runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from curation.errors import UserError
from stages.coca import Coca
from tests.models.tiny_coca import TinyCoca, create_tiny_coca
from tests.stages.clip_samples import sample_of, write_scenes
from tests.stages.direct_captions import coca_caption

SCENES = {"start": range(0, 6), "bus": range(80, 85), "single": range(30, 31)}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyCoca:
    return create_tiny_coca(tmp_path_factory.mktemp("coca"), name="coca_tiny_stage")


@pytest.fixture(scope="module")
def clips(bikes: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_scenes(tmp_path_factory.mktemp("clips"), bikes, SCENES)


def test_captions_are_of_the_whole_middle_frame(tiny: TinyCoca, clips: list[Path]) -> None:
    settings = {"generation_type": "top_k", "seq_len": 9, "min_seq_len": 8}
    stage = Coca(Coca.Config(model=str(tiny.config), pretrained=str(tiny.checkpoint), clips_per_pass=2, **settings))
    stage.setup()
    samples = [sample_of(stage, clip) for clip in clips]
    assert all(sample.frames is not None and sample.frames.shape == (1, 32, 32, 3) for sample in samples)
    results = stage.annotate(samples)
    assert results == [{"caption_coca": coca_caption(clip, tiny, 9)} for clip in clips]
    assert [stage.annotate([sample])[0] for sample in samples] == results


def test_a_random_frame_can_be_taken(tiny: TinyCoca) -> None:
    own = {"model": str(tiny.config), "pretrained": str(tiny.checkpoint)}
    assert Coca(Coca.Config(**own)).frames().at == "middle"
    request = Coca(Coca.Config(**own, frame="random", seed=3)).frames()
    assert (request.at, request.seed) == ("random", 3)


def test_missing_weights_are_told_before_anything_starts(tmp_path: Path) -> None:
    stage = Coca(Coca.Config(cache_dir=str(tmp_path)))
    problem = str(next(requirement.problem for requirement in stage.requirements()))
    assert "laion/mscoco_finetuned_CoCa-ViT-L-14-laion2B-s13B-b90k" in problem
    assert "--set coca.download=true" in problem
    assert "\n" not in problem
    with pytest.raises(UserError, match="not on this machine"):
        stage.setup()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seq_len": 5}, "seq_len"),
        ({"num_beams": 4, "num_beam_groups": 3}, "multiple of num_beam_groups"),
        ({"temperature": 0}, "greater than 0"),
        ({"generation_type": "beams"}, "beam_search"),
    ],
)
def test_wrong_settings_are_told(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Coca.Config(**settings)


def test_a_wrong_model_is_told(tiny: TinyCoca) -> None:
    with pytest.raises(UserError, match=r"coca: OpenCLIP has no model 'coca_ViT-L14'; .*did you mean 'coca_ViT-L-14'"):
        Coca(Coca.Config(model="coca_ViT-L14")).frames()
    stage = Coca(Coca.Config(model=str(tiny.config), pretrained=str(tiny.checkpoint), seq_len=60))
    with pytest.raises(UserError, match="at most 40 tokens, but seq_len is 60"):
        stage.setup()
