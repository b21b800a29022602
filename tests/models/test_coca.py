"""CoCa's captions against OpenCLIP's own, its logits against ``CoCa.forward``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.coca import CocaCaptioner
from models.coca_decoder import CocaDecoder
from models.coca_search import CaptionSettings
from models.openclip_source import OpenClipSource, OpenClipSourceError, find_source
from tests.models.coca_settings import CAPTIONS, NUMBER, SETTINGS
from tests.models.tiny_clip import create_tiny_clip
from tests.models.tiny_coca import MODEL_CONFIG, TinyCoca, create_tiny_coca, pictures

KEYS = [f"clip-{number}" for number in range(NUMBER)]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyCoca:
    return create_tiny_coca(tmp_path_factory.mktemp("coca"), name="coca_tiny_model")


@pytest.fixture(scope="module")
def source(tiny: TinyCoca) -> OpenClipSource:
    return find_source(str(tiny.config), str(tiny.checkpoint))


@pytest.mark.parametrize("number", range(len(SETTINGS)))
def test_captions_are_those_of_open_clip(source: OpenClipSource, number: int) -> None:
    captioner = CocaCaptioner(source, CaptionSettings(**SETTINGS[number]))
    captions = captioner.caption(pictures(NUMBER), KEYS)
    assert captions == json.loads(CAPTIONS.read_text())[number]


@pytest.mark.parametrize(
    "settings",
    [{}, {"generation_type": "top_p", "top_p": 0.9, "temperature": 2.0}],
)
def test_a_batch_changes_nothing(source: OpenClipSource, settings: dict[str, Any]) -> None:
    together = CocaCaptioner(source, CaptionSettings(**settings)).caption(pictures(NUMBER), KEYS)
    assert len(set(together)) > 1
    alone = CocaCaptioner(source, CaptionSettings(**settings), images_per_pass=1)
    assert alone.caption(pictures(NUMBER), KEYS) == together
    parts = CocaCaptioner(source, CaptionSettings(**settings), images_per_pass=3)
    assert parts.caption(pictures(NUMBER)[::-1], KEYS[::-1]) == together[::-1]


def test_drawn_texts_follow_from_seed_and_key(source: OpenClipSource) -> None:
    def draw(seed: int, key: str) -> str:
        settings = CaptionSettings("top_k", top_k=1000, temperature=9.0, seed=seed, seq_len=10)
        return CocaCaptioner(source, settings).caption(pictures(1), [key])[0]

    assert draw(0, "a") == draw(0, "a")
    assert len({draw(0, "a"), draw(0, "b"), draw(1, "a")}) == 3


def test_logits_are_those_of_the_whole_forward(source: OpenClipSource) -> None:
    """Also behind the token 0, which OpenCLIP takes for padding, and after texts were reordered and left out."""
    import torch

    captioner = CocaCaptioner(source, CaptionSettings())
    model = captioner._model
    ids = torch.from_numpy(np.random.default_rng(0).integers(1, 49406, (6, 9)))
    ids[:, 0] = captioner._special.start
    ids[1, 4] = ids[2, 2] = ids[2, 3] = 0
    pixels = torch.from_numpy(np.stack(pictures(3))).permute(0, 3, 1, 2) / 255
    with torch.inference_mode():
        latent, tokens = model._encode_image(pixels)

        def check(decoder: CocaDecoder, ids: Any, images: list[int]) -> None:
            whole = model(None, ids, image_latent=latent[images], image_embs=tokens[images], output_labels=False)
            np.testing.assert_allclose(decoder.next_logits(ids[:, -1]), whole["logits"][:, -1], rtol=1e-3, atol=1e-3)

        decoder = CocaDecoder(model, tokens, 2)
        for length in range(1, 6):
            check(decoder, ids[:, :length], [0, 0, 1, 1, 2, 2])
        kept = [1, 1, 5, 4]
        decoder.keep(torch.tensor(kept))
        for length in range(6, 10):
            check(decoder, ids[kept, :length], [0, 0, 2, 2])


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_other_arithmetic(source: OpenClipSource, dtype: Any) -> None:
    captions = CocaCaptioner(source, CaptionSettings(seq_len=8), dtype=dtype).caption(pictures(2), KEYS[:2])
    assert all(captions)


def test_a_folder_in_the_hubs_layout(tiny: TinyCoca, source: OpenClipSource) -> None:
    folder = CocaCaptioner(find_source(f"local-dir:{tiny.folder}", None), CaptionSettings())
    expected = CocaCaptioner(source, CaptionSettings()).caption(pictures(2), KEYS[:2])
    assert folder.caption(pictures(2), KEYS[:2]) == expected


def test_memory_that_runs_out_makes_batches_smaller(source: OpenClipSource, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    captioner = CocaCaptioner(source, CaptionSettings())
    expected = captioner.caption(pictures(NUMBER), KEYS)
    forward = captioner._model.visual.forward
    sizes = []

    def limited(pixels: Any) -> Any:
        sizes.append(len(pixels))
        if len(pixels) > 2:
            raise torch.OutOfMemoryError("out of memory")
        return forward(pixels)

    monkeypatch.setattr(captioner._model.visual, "forward", limited)
    assert captioner.caption(pictures(NUMBER), KEYS) == expected
    assert sizes == [4, 2, 2]


def test_wrong_models_and_settings_are_told(source: OpenClipSource, tmp_path: Path) -> None:
    with pytest.raises(OpenClipSourceError, match="at most 40 tokens, but seq_len is 41"):
        CocaCaptioner(source, CaptionSettings(seq_len=41))
    clip = create_tiny_clip(tmp_path, name="tiny-no-coca")
    with pytest.raises(OpenClipSourceError, match="writes no captions"):
        CocaCaptioner(find_source(str(clip.config), str(clip.checkpoint)), CaptionSettings())
    with pytest.raises(OpenClipSourceError, match="cannot be loaded as coca_tiny_model"):
        CocaCaptioner(replace(source, weights=clip.checkpoint), CaptionSettings())
    with pytest.raises(OpenClipSourceError, match="not on this machine"):
        CocaCaptioner(replace(source, weights=None), CaptionSettings())
    with pytest.raises(ValueError, match="seq_len"):
        CaptionSettings(seq_len=5)
    with pytest.raises(ValueError, match="multiple of num_beam_groups"):
        CaptionSettings(num_beams=5)


def test_a_vocabulary_without_a_tokenizer_is_told(tmp_path: Path) -> None:
    import open_clip
    import torch

    towers = {name: MODEL_CONFIG[name] | {"vocab_size": 64} for name in ("text_cfg", "multimodal_cfg")}
    config, checkpoint = tmp_path / "coca_few_words.json", tmp_path / "weights.pt"
    config.write_text(json.dumps(MODEL_CONFIG | towers))
    open_clip.add_model_config(config)
    torch.save(open_clip.create_model("coca_few_words").state_dict(), checkpoint)
    with pytest.raises(OpenClipSourceError, match="49408"):
        CocaCaptioner(find_source(str(config), str(checkpoint)), CaptionSettings())
