"""Encoders of captions and pictures against the libraries' own models, on tiny checkpoints in the published formats."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    CLIPTextModel,
    CLIPTokenizer,
    CLIPVisionModelWithProjection,
)

from models.diffusion.model_files import ModelFilesError
from models.diffusion.text_encoder import (
    EncoderError,
    ImageEncoderSettings,
    TextEncoderSettings,
    image_identity,
    load_image_encoder,
    load_text_encoder,
    text_identity,
)
from models.diffusion.text_encoder.transformers_clip import MEAN, STD
from tests.models.diffusion.tiny_pipeline import write_encoders
from tests.models.tiny_clip import TinyClip, create_tiny_clip

CAPTIONS = ["a red circle moves left", "", "a very long caption of many, many words that no tiny tower reads whole"]


@pytest.fixture(scope="module")
def openclip(tmp_path_factory: pytest.TempPathFactory) -> TinyClip:
    from tests.models import tiny_clip

    with (
        pytest.MonkeyPatch.context() as patch
    ):  # OpenCLIP's own tokenizer has 49408 tokens; two blocks have a penultimate
        text = {"context_length": 8, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 3}
        patch.setattr(tiny_clip, "MODEL_CONFIG", {**tiny_clip.MODEL_CONFIG, "text_cfg": text})
        return create_tiny_clip(tmp_path_factory.mktemp("openclip"), name="tiny-diffusion-clip")


@pytest.fixture(scope="module")
def diffusion_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """text_encoder/, tokenizer/ and image_encoder/ as Stable Diffusion and Stable Video Diffusion have them."""
    folder = tmp_path_factory.mktemp("sd")
    write_encoders(folder)
    return folder


@pytest.mark.parametrize(("layer", "block"), [("auto", 1), ("penultimate", 1), ("last", 2)])
def test_openclip_text(openclip: TinyClip, layer: Any, block: int) -> None:
    """As Stable Diffusion 2 conditions: the blocks but the last, then the final LayerNorm."""
    import open_clip

    settings = TextEncoderSettings(model=str(openclip.config), pretrained=str(openclip.checkpoint), layer=layer)
    ours = load_text_encoder(settings)
    model = open_clip.create_model(openclip.config.stem, str(openclip.checkpoint)).eval()
    tokens = open_clip.get_tokenizer(openclip.config.stem)(CAPTIONS)
    kept = []
    model.transformer.resblocks[block].register_forward_hook(lambda _, __, output: kept.append(output))
    with torch.no_grad():
        model.encode_text(tokens)
        states = kept[0] if kept[0].shape[0] == len(CAPTIONS) else kept[0].transpose(0, 1)
        expected = model.ln_final(states)
    found = ours.encode(CAPTIONS)
    assert found.shape == (3, ours.length, ours.width) == (3, 8, 32)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert ours.identity == text_identity(settings)
    assert not found.requires_grad


def test_lengths_tell_what_is_not_read(openclip: TinyClip, diffusion_folder: Path) -> None:
    settings = TextEncoderSettings(model=str(openclip.config), pretrained=str(openclip.checkpoint))
    assert load_text_encoder(settings).lengths(CAPTIONS[:2]) == [7, 2]
    ours = load_text_encoder(TextEncoderSettings(model=str(diffusion_folder), pretrained=None))
    assert ours.lengths(["a b", ""]) == [4, 2]
    assert max(ours.lengths(CAPTIONS)) > ours.length


@pytest.mark.parametrize(("layer", "skip"), [("auto", 0), ("last", 0), ("penultimate", 1)])
def test_transformers_text(diffusion_folder: Path, layer: Any, skip: int) -> None:
    settings = TextEncoderSettings(model=str(diffusion_folder), pretrained=None, layer=layer)
    ours = load_text_encoder(settings)
    theirs = CLIPTextModel.from_pretrained(diffusion_folder / "text_encoder").eval()
    tokenizer = CLIPTokenizer.from_pretrained(diffusion_folder / "tokenizer")
    tokens = tokenizer(CAPTIONS, padding="max_length", max_length=16, truncation=True, return_tensors="pt")
    with torch.no_grad():
        told = theirs(tokens.input_ids, output_hidden_states=True)
        norm = getattr(theirs, "text_model", theirs).final_layer_norm
        expected = norm(told.hidden_states[2]) if skip else told.last_hidden_state
    found = ours.encode(CAPTIONS)
    assert found.shape == (3, ours.length, ours.width) == (3, 16, 32)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert ours.identity == text_identity(settings)


def test_a_folder_of_one_model(diffusion_folder: Path, tmp_path: Path) -> None:
    """As of CLIP itself: model and tokenizer side by side."""
    for name in ("text_encoder", "tokenizer"):
        shutil.copytree(diffusion_folder / name, tmp_path, dirs_exist_ok=True)
    flat = load_text_encoder(TextEncoderSettings(model=str(tmp_path), pretrained=None))
    nested = load_text_encoder(TextEncoderSettings(model=str(diffusion_folder), pretrained=None))
    assert torch.equal(flat.encode(CAPTIONS), nested.encode(CAPTIONS))
    assert flat.identity == nested.identity


def test_transformers_image(diffusion_folder: Path) -> None:
    settings = ImageEncoderSettings(model=str(diffusion_folder), pretrained=None)
    ours = load_image_encoder(settings)
    theirs = CLIPVisionModelWithProjection.from_pretrained(diffusion_folder / "image_encoder").eval()
    pixels = torch.rand(2, 3, 32, 32) * 2 - 1
    mean, std = torch.tensor(MEAN).reshape(3, 1, 1), torch.tensor(STD).reshape(3, 1, 1)
    with torch.no_grad():
        expected = theirs(((pixels + 1) / 2 - mean) / std).image_embeds
    found = ours.encode(pixels)
    assert found.shape == (2, 1, ours.width) == (2, 1, 24)
    torch.testing.assert_close(found[:, 0], expected, atol=1e-5, rtol=1e-5)
    assert ours.identity == image_identity(settings)
    flat = torch.full((1, 3, 90, 160), 0.25)
    torch.testing.assert_close(ours.encode(flat), ours.encode(flat[..., :32, :32]), atol=1e-4, rtol=1e-4)


def test_openclip_image(openclip: TinyClip) -> None:
    import open_clip

    settings = ImageEncoderSettings(model=str(openclip.config), pretrained=str(openclip.checkpoint))
    ours = load_image_encoder(settings)
    model = open_clip.create_model(openclip.config.stem, str(openclip.checkpoint)).eval()
    pixels = torch.rand(2, 3, 32, 32) * 2 - 1
    mean, std = torch.tensor(MEAN).reshape(3, 1, 1), torch.tensor(STD).reshape(3, 1, 1)
    with torch.no_grad():
        expected = model.encode_image(((pixels + 1) / 2 - mean) / std)
    assert ours.width == 24
    torch.testing.assert_close(ours.encode(pixels)[:, 0], expected, atol=1e-5, rtol=1e-5)
    assert ours.identity == image_identity(settings)


def test_words() -> None:
    ours = load_text_encoder(TextEncoderSettings(model="words:64"))
    found = ours.encode(["A red, circle", "a blue circle", "", "red"])
    assert found.shape == (4, ours.length, 64)
    assert torch.equal(found[0, 0], found[1, 0])  # "a" at the start
    assert not torch.equal(found[0, 1], found[1, 1])
    assert torch.equal(found[0, 1] - found[3, 0], ours.encode(["x red"])[0, 1] - found[3, 0])
    assert found[2].abs().sum() == found[3, 1:].abs().sum() == 0
    many = ours.encode([" ".join(f"word{number}" for number in range(32))])
    assert 0.8 < many.std() < 1.6
    assert ours.lengths(["A red, circle", ""]) == [4, 0]
    assert torch.equal(ours.encode(["w " * 40]), ours.encode(["w " * 32]))


def test_cells() -> None:
    ours = load_image_encoder(ImageEncoderSettings(model="cells:2"))
    picture = torch.zeros(1, 3, 6, 10)
    picture[0, 1, :3, 5:] = 1
    found = ours.encode(picture)
    assert found.shape == (1, 1, ours.width) == (1, 1, 12)
    assert found[0, 0].tolist() == [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]


def test_mistakes_are_one_line(openclip: TinyClip, diffusion_folder: Path, tmp_path: Path) -> None:
    def problem(expected: str, kind: type[Exception] = EncoderError, **settings: Any) -> None:
        with pytest.raises(kind, match=expected) as raised:
            load_text_encoder(TextEncoderSettings(**settings))
        assert "\n" not in str(raised.value)

    problem("not on this machine; fetch them with --set text_encoder.download=true", cache_dir=str(tmp_path))
    problem("see text_encoder.model", model="ViT-H-15")
    problem("is not there; see text_encoder.model", ModelFilesError, model="/nowhere", pretrained=None)
    problem("words:N, N an even number", model="words:7")
    copy = tmp_path / "copy"
    shutil.copytree(diffusion_folder, copy)
    weights = copy / "text_encoder/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:2000])
    problem("the model cannot be loaded", model=str(copy), pretrained=None)
    weights.unlink()
    problem("has no text_encoder/model.safetensors", ModelFilesError, model=str(copy), pretrained=None)
    shutil.rmtree(copy / "tokenizer")
    problem("has no", ModelFilesError, model=str(copy), pretrained=None)
    with pytest.raises(EncoderError, match="cells:N"):
        load_image_encoder(ImageEncoderSettings(model="cells:x"))
