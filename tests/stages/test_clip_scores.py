"""`clip_embedding` and `aesthetic_score` of clip files, against calling OpenCLIP directly on the full frames."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from curation.config import annotator_fingerprint, load_config, resolve_pipeline
from curation.errors import UserError
from curation.video.clip_frames import decode_clip
from curation.video.sampling import FrameRequest
from models.aesthetic import published_head
from stages.clip_scores import ClipScores
from tests.models.tiny_clip import TinyClip, create_tiny_clip
from tests.models.weights import downloaded_head
from tests.stages.clip_samples import sample_of, write_scenes

SCENES = {"bus": range(80, 100), "bicycle": range(200, 213), "single": range(10, 11)}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyClip:
    return create_tiny_clip(tmp_path_factory.mktemp("clip"), name="tiny-scores")


@pytest.fixture(scope="module")
def clips(bikes: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_scenes(tmp_path_factory.mktemp("clips"), bikes, SCENES)


def head_for(dimension: int, folder: Path) -> Path:
    import torch

    torch.manual_seed(3)
    file = folder / "head.pth"
    torch.save(torch.nn.Linear(dimension, 1).state_dict(), file)
    return file


def stage_of(tiny: TinyClip, **config: Any) -> ClipScores:
    settings = {"model": str(tiny.config), "pretrained": str(tiny.checkpoint), "aesthetic_weights": None, **config}
    stage = ClipScores(ClipScores.Config(**settings))
    assert [requirement.problem for requirement in stage.requirements() if requirement.problem] == []
    stage.setup()
    return stage


def directly(clip: Path, tiny: TinyClip) -> Any:
    """Normalised embeddings of the three full frames by OpenCLIP alone, [3, dimension]."""
    import open_clip
    import torch

    model, preprocess = open_clip.create_model_from_pretrained("tiny-scores", pretrained=str(tiny.checkpoint))
    full = decode_clip(clip, {"full": FrameRequest("first_middle_last")})["full"]
    with torch.no_grad():
        return model.eval().encode_image(torch.stack([preprocess(Image.fromarray(f)) for f in full]), normalize=True)


def test_values_equal_open_clip(tiny: TinyClip, clips: list[Path], tmp_path: Path) -> None:
    import torch

    head = head_for(24, tmp_path)
    rate = torch.nn.Linear(24, 1)
    rate.load_state_dict(torch.load(head, weights_only=True))
    stage = stage_of(tiny, aesthetic_weights=str(head), images_per_pass=4)
    samples = [sample_of(stage, clip) for clip in clips]
    results = stage.annotate(samples)
    for clip, sample, result in zip(clips, samples, results, strict=True):
        assert sample.frames is not None
        assert sample.frames.shape == (3, 32, 32, 3)
        embeddings = directly(clip, tiny)
        np.testing.assert_allclose(result["clip_embedding"], embeddings.mean(dim=0), rtol=1e-4, atol=1e-5)
        expected = rate(embeddings).mean().item()
        assert result["aesthetic_score"] == pytest.approx(expected, rel=1e-4, abs=1e-5)
    first, second = (np.array(result["clip_embedding"]) for result in results[:2])
    assert np.abs(first - second).max() > 0.01
    assert np.linalg.norm(results[2]["clip_embedding"]) == pytest.approx(1, rel=1e-5)
    for sample, result in zip(samples, results, strict=True):
        alone = stage.annotate([sample])[0]
        np.testing.assert_allclose(alone["clip_embedding"], result["clip_embedding"], rtol=1e-4, atol=1e-6)


def test_a_real_head_of_laion_on_an_embedding_of_its_size(clips: list[Path], tmp_path: Path) -> None:
    import json

    import open_clip
    import torch

    from tests.models.tiny_clip import MODEL_CONFIG

    published = published_head("ViT-B-32")
    assert published is not None
    head = downloaded_head(published)
    config = tmp_path / "tiny-512.json"
    config.write_text(json.dumps(MODEL_CONFIG | {"embed_dim": 512}))
    open_clip.add_model_config(config)
    model = open_clip.create_model("tiny-512")
    checkpoint = tmp_path / "tiny-512.pt"
    torch.save(model.state_dict(), checkpoint)
    stage = ClipScores(ClipScores.Config(model=str(config), pretrained=str(checkpoint), aesthetic_weights=str(head)))
    stage.setup()
    sample = sample_of(stage, clips[0])
    assert sample.frames is not None
    rate = torch.nn.Linear(512, 1)
    rate.load_state_dict(torch.load(head, map_location="cpu", weights_only=True))
    transform = open_clip.create_model_from_pretrained("tiny-512", pretrained=str(checkpoint))[1]
    full = decode_clip(clips[0], {"full": FrameRequest("first_middle_last")})["full"]
    with torch.inference_mode():
        pixels = torch.stack([transform(Image.fromarray(frame)) for frame in full])
        expected = rate(model.eval().encode_image(pixels, normalize=True)).mean().item()
    assert stage.annotate([sample])[0]["aesthetic_score"] == pytest.approx(expected, rel=1e-4)


def test_without_a_head_there_is_no_score(tiny: TinyClip, clips: list[Path]) -> None:
    stage = stage_of(tiny, pretrained=str(tiny.safetensors))
    result = stage.annotate([sample_of(stage, clips[0])])[0]
    assert result["aesthetic_score"] is None
    assert len(result["clip_embedding"]) == 24


def test_a_head_of_another_size_is_refused(tiny: TinyClip, tmp_path: Path) -> None:
    stage = ClipScores(
        ClipScores.Config(
            model=str(tiny.config), pretrained=str(tiny.checkpoint), aesthetic_weights=str(head_for(7, tmp_path))
        )
    )
    with pytest.raises(UserError, match=r"embeddings of 7 values, but .* gives 24"):
        stage.setup()


def test_missing_weights_are_told_before_anything_starts(tmp_path: Path) -> None:
    stage = ClipScores(ClipScores.Config(cache_dir=str(tmp_path)))
    problems = [requirement.problem for requirement in stage.requirements()]
    assert all(problem is not None and "\n" not in problem for problem in problems)
    assert "--set clip_scores.pretrained=" in str(problems[0])
    assert "--set clip_scores.download=true" in str(problems[0])
    assert "sac+logos+ava1-l14-linearMSE.pth" in str(problems[1])
    with pytest.raises(UserError, match="not on this machine"):
        stage.setup()


def test_weights_to_fetch_are_shown_where_that_is_allowed(tmp_path: Path) -> None:
    stage = ClipScores(ClipScores.Config(cache_dir=str(tmp_path), download=True))
    model, head = stage.requirements()
    assert (model.problem, head.problem) == (None, None)
    assert model.download_bytes > 1e9
    assert head.download_bytes == 3_714_759


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pretrained": "/nowhere/weights.pt"}, "no such file"),
        ({"model": "ViT-L14"}, "did you mean 'ViT-L-14'"),
        ({"aesthetic_weights": "/nowhere/head.pth"}, "no such file: /nowhere/head.pth"),
        ({"model": "ViT-H-14", "pretrained": "laion2b_s32b_b79k"}, "no aesthetic head for ViT-H-14"),
    ],
)
def test_wrong_settings_are_told(tmp_path: Path, settings: dict[str, str], message: str) -> None:
    stage = ClipScores(ClipScores.Config(cache_dir=str(tmp_path), **settings))
    problems = " | ".join(str(requirement.problem) for requirement in stage.requirements())
    assert message in problems


def test_the_request_for_frames_travels(tiny: TinyClip) -> None:
    stage = ClipScores(ClipScores.Config(model=str(tiny.config), pretrained=str(tiny.checkpoint)))
    request = stage.frames()
    assert pickle.loads(pickle.dumps(request)) == request
    assert request.shrink is not None
    with pytest.raises(UserError, match="no such file"):
        ClipScores(ClipScores.Config(pretrained="/nowhere.pt")).frames()


@pytest.mark.parametrize(
    ("override", "moved"),
    [
        ("clip_scores.download=true", set()),
        ("clip_scores.cache_dir=/elsewhere", set()),
        ("clip_scores.images_per_pass=7", set()),
        ("text_detection.model_dir=/elsewhere", set()),
        ("clip_scores.precision=bf16", {"clip_scores", "clip_similarity"}),
        ("text_detection.canvas_size=640", {"text_detection"}),
    ],
)
def test_only_what_changes_values_makes_them_out_of_date(override: str, moved: set[str]) -> None:
    repository = Path(__file__).parents[2]
    before, after = (
        resolve_pipeline(load_config(str(repository / "pipelines.yaml")), "lvd", overrides)
        for overrides in ((), (override,))
    )
    names = [stage.name for stage in before.annotators]
    assert {n for n in names if annotator_fingerprint(before, n) != annotator_fingerprint(after, n)} == moved
