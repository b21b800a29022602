"""`clip_similarity*` against OpenCLIP called directly, and which captions are read."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from curation.config import annotator_fingerprint, check_pipeline, load_config, resolve_pipeline
from curation.errors import ItemError, UserError
from curation.stage import ClipSample
from stages.clip_similarity import ClipSimilarity
from tests.models.tiny_clip import MODEL_CONFIG
from tests.models.tiny_coca import TinyCoca, create_tiny_coca

CAPTIONS = {
    "a": {
        "caption_coca": "a man rides a bicycle",
        "caption_videoblip": "Ein Mann fährt 自転車 🚲 – schön",
        "caption_llm": "x",
    },
    "b": {"caption_coca": "a man rides a bicycle", "caption_videoblip": None, "caption_llm": None},
    "c": {
        "caption_coca": "red bus " * 100,
        "caption_videoblip": "  Two\tRED   buses &amp; a tram ",
        "caption_llm": None,
    },
    "d": {"caption_coca": None, "caption_videoblip": None, "caption_llm": None},
}


@pytest.fixture(scope="module", params=["clip", "coca"])
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TinyCoca:
    folder = tmp_path_factory.mktemp("clip")
    return create_tiny_coca(folder, name="coca_tiny_text") if request.param == "coca" else create_plain_clip(folder)


def create_plain_clip(folder: Path) -> TinyCoca:
    """A CLIP whose text tower is built as that of ViT-L-14, with CLIP's vocabulary and context."""
    import open_clip
    import torch

    config, checkpoint = folder / "tiny-plain.json", folder / "tiny-plain.pt"
    text = MODEL_CONFIG["text_cfg"] | {"context_length": 77, "vocab_size": 49408}
    config.write_text(json.dumps(MODEL_CONFIG | {"embed_dim": 16, "text_cfg": text}))
    open_clip.add_model_config(config)
    torch.manual_seed(0)
    torch.save(open_clip.create_model("tiny-plain").state_dict(), checkpoint)
    return TinyCoca("tiny-plain", config, checkpoint, folder)


def stage_of(tiny: TinyCoca, **config: Any) -> ClipSimilarity:
    stage = ClipSimilarity(ClipSimilarity.Config(model=str(tiny.config), pretrained=str(tiny.checkpoint), **config))
    stage.setup()
    return stage


def model_of(tiny: TinyCoca) -> str:
    """As `clip_scores` writes it; a checkpoint under another name is the same model."""
    return f"other-name@{hashlib.sha256(tiny.checkpoint.read_bytes()).hexdigest()[:12]}"


def samples(tiny: TinyCoca) -> list[ClipSample]:
    """Clips whose embeddings are means of unequal directions, so not of length 1."""
    random = np.random.default_rng(0)
    known = {"clip_model": model_of(tiny)}
    return [
        ClipSample(name, {}, None, {"clip_embedding": (0.2 * random.standard_normal(16)).tolist(), **known, **captions})
        for name, captions in CAPTIONS.items()
    ]


def directly(tiny: TinyCoca, clip: ClipSample, text: str | None) -> float | None:
    import open_clip
    import torch

    if text is None:
        return None
    model = open_clip.create_model(tiny.name, pretrained=str(tiny.checkpoint)).eval()
    with torch.inference_mode():
        embedding = model.encode_text(open_clip.get_tokenizer(tiny.name)([text]))[0]
        return torch.cosine_similarity(embedding, torch.tensor(clip.values["clip_embedding"]), dim=0).item()


def test_values_equal_open_clip(tiny: TinyCoca) -> None:
    stage = stage_of(tiny, texts_per_pass=2)
    results = stage.annotate(samples(tiny))
    main = {"a": "caption_llm", "b": "caption_coca", "c": "caption_videoblip", "d": "caption_coca"}
    for clip, result in zip(samples(tiny), results, strict=True):
        assert set(result) == set(stage.writes)
        expected = {name: directly(tiny, clip, clip.values[f"caption_{name}"]) for name in ("coca", "videoblip", "llm")}
        for name, value in expected.items():
            assert result[f"clip_similarity_{name}"] == (value if value is None else pytest.approx(value, abs=1e-5))
        assert result["clip_similarity_vlm"] is None
        assert result["clip_similarity"] == result[main[clip.clip_id].replace("caption", "clip_similarity")]
    values = [value for result in results for value in result.values() if value is not None]
    assert max(values) - min(values) > 0.1
    assert [stage.annotate([clip])[0] for clip in samples(tiny)] == [
        {name: value if value is None else pytest.approx(value, abs=1e-6) for name, value in result.items()}
        for result in results
    ]


def test_only_the_captions_that_are_named_are_read(tiny: TinyCoca) -> None:
    stage = stage_of(tiny, captions=("coca", "vlm"))
    assert stage.inputs() == ("clip_embedding", "clip_model", "caption_coca", "caption_vlm")
    result = stage.annotate(samples(tiny)[:1])[0]
    assert result["clip_similarity"] == result["clip_similarity_coca"] is not None
    assert result["clip_similarity_llm"] is None
    assert ClipSimilarity(ClipSimilarity.Config()).inputs() == (
        "clip_embedding",
        "clip_model",
        "caption_coca",
        "caption_videoblip",
        "caption_llm",
    )


@pytest.mark.parametrize("captions", [[], ["coca", "coca"], ["clip"]])
def test_wrong_captions_are_told(captions: list[str]) -> None:
    with pytest.raises(ValidationError):
        ClipSimilarity.Config(captions=captions)


def test_an_embedding_that_cannot_be_compared_fails_its_clip(tiny: TinyCoca) -> None:
    stage = stage_of(tiny)
    without, flat, foreign = (
        ClipSample("e", {}, None, {"clip_embedding": embedding, "clip_model": model, "caption_coca": "a"})
        for embedding, model in ((None, None), ([0.0] * 16, model_of(tiny)), ([1.0] * 16, "ViT-B-32@0123456789ab"))
    )
    short, none, good, zero = stage.annotate([foreign, without, samples(tiny)[0], flat])
    told = r"of ViT-B-32@0123456789ab, and the text would be embedded by .*tiny.*@[0-9a-f]{12}: .* those of clip_scores"
    assert re.search(told, str(short))
    assert "clip_scores failed" in str(none)
    assert "all of its values are 0" in str(zero)
    assert all(isinstance(result, ItemError) for result in (short, none, zero))
    assert [good] == stage.annotate([samples(tiny)[0]])


def test_other_arithmetic(tiny: TinyCoca) -> None:
    exact, rounded = (stage_of(tiny, dtype=dtype).annotate(samples(tiny)[:1])[0] for dtype in ("fp32", "bf16"))
    assert rounded["clip_similarity_coca"] == pytest.approx(exact["clip_similarity_coca"], abs=0.05)


def test_missing_weights_are_told_before_anything_starts(tmp_path: Path) -> None:
    stage = ClipSimilarity(ClipSimilarity.Config(cache_dir=str(tmp_path)))
    problem = str(next(requirement.problem for requirement in stage.requirements()))
    assert "--set clip_similarity.download=true" in problem
    assert "\n" not in problem
    with pytest.raises(UserError, match="not on this machine"):
        stage.setup()


PIPELINE = """
pipelines:
  mine:
    extends: quickstart
    stages:
      - clip_scores: {}
      - coca: {use: "stages.coca:Coca"}
      - clip_similarity: {use: "stages.clip_similarity:ClipSimilarity", captions: [coca]}
"""


@pytest.mark.parametrize(
    ("override", "moved"),
    [
        ("coca.seq_len=20", {"coca", "clip_similarity"}),
        ("coca.clips_per_pass=3", set()),
        ("clip_scores.precision=bf16", {"clip_scores", "clip_similarity"}),
        ("clip_similarity.texts_per_pass=3", set()),
        ("clip_similarity.dtype=fp32", {"clip_similarity"}),
        ("text_detection.canvas_size=640", {"text_detection"}),
    ],
)
def test_new_captions_make_similarities_out_of_date(tmp_path: Path, override: str, moved: set[str]) -> None:
    file = tmp_path / "pipelines.yaml"
    file.write_text(PIPELINE)
    before, after = (resolve_pipeline(load_config(str(file)), "mine", overrides) for overrides in ((), (override,)))
    names = [stage.name for stage in before.annotators]
    assert {n for n in names if annotator_fingerprint(before, n) != annotator_fingerprint(after, n)} == moved


def test_a_caption_that_nobody_gives_is_told(tmp_path: Path) -> None:
    file = tmp_path / "pipelines.yaml"
    file.write_text(PIPELINE)
    pipeline = resolve_pipeline(load_config(str(file)), "mine", ("clip_similarity.captions=[coca, vlm]",))
    with pytest.raises(UserError, match='nothing before it gives "caption_vlm"'):
        check_pipeline(pipeline)
