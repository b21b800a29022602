"""Embeddings against calling OpenCLIP directly, on a tiny checkpoint in the real formats."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from models.openclip import OpenClipImageEncoder
from models.openclip_source import OpenClipSource, OpenClipSourceError, find_source
from tests.models.tiny_clip import TinyClip, create_tiny_clip


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyClip:
    return create_tiny_clip(tmp_path_factory.mktemp("clip"), name="tiny-encoder")


@pytest.fixture(scope="module")
def photographs() -> list[npt.NDArray[np.uint8]]:
    noise = np.random.default_rng(1).integers(0, 256, (7, 90, 160, 3), np.uint8)
    return [np.asarray(Image.fromarray(each).resize((320, 180), Image.Resampling.BICUBIC)) for each in noise]


def directly(photographs: list[npt.NDArray[np.uint8]], model_name: str, **settings: Any) -> npt.NDArray[np.float32]:
    """What OpenCLIP gives for the full pictures."""
    import open_clip
    import torch

    model, preprocess = open_clip.create_model_from_pretrained(model_name, **settings)
    with torch.inference_mode():
        pixels = torch.stack([preprocess(Image.fromarray(each)) for each in photographs])
        result: npt.NDArray[np.float32] = model.eval().encode_image(pixels, normalize=True).numpy()
    return result


def embed(source: OpenClipSource, photographs: list[npt.NDArray[np.uint8]], **settings: Any) -> npt.NDArray[np.float32]:
    encoder = OpenClipImageEncoder(source, **settings)
    return encoder.embed(np.stack([source.transform(each) for each in photographs]))


@pytest.mark.parametrize("kind", ["checkpoint", "safetensors"])
@pytest.mark.parametrize("images_per_pass", [1, 3, 32])
def test_embeddings_equal_open_clip(
    tiny: TinyClip, photographs: list[npt.NDArray[np.uint8]], kind: str, images_per_pass: int, device: str
) -> None:
    file = getattr(tiny, kind)
    source = find_source(str(tiny.config), str(file))
    got = embed(source, photographs, images_per_pass=images_per_pass, device=device)
    expected = directly(photographs, "tiny-encoder", pretrained=str(file))
    assert got.dtype == np.float32
    assert np.ptp(expected, axis=0).max() > 0.1, "the pictures must not all look the same to the tiny model"
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_a_folder_brings_its_own_preprocessing(tiny: TinyClip, photographs: list[npt.NDArray[np.uint8]]) -> None:
    model = f"local-dir:{tiny.folder}"
    got = embed(find_source(model, None), photographs)
    np.testing.assert_allclose(got, directly(photographs, model), rtol=1e-4, atol=1e-5)
    plain = embed(find_source(str(tiny.config), str(tiny.checkpoint)), photographs)
    assert np.abs(got - plain).max() > 0.01


def test_the_activation_of_the_training_is_used(tiny: TinyClip, photographs: list[npt.NDArray[np.uint8]]) -> None:
    source = dataclasses.replace(find_source(str(tiny.config), str(tiny.checkpoint)), quick_gelu=True)
    expected = directly(photographs, "tiny-encoder", pretrained=str(tiny.checkpoint), force_quick_gelu=True)
    np.testing.assert_allclose(embed(source, photographs), expected, rtol=1e-4, atol=1e-5)


def test_half_precision_stays_close(tiny: TinyClip, photographs: list[npt.NDArray[np.uint8]], device: str) -> None:
    source = find_source(str(tiny.config), str(tiny.safetensors))
    exact = embed(source, photographs, device=device)
    half = embed(source, photographs, device=device, precision="bf16")
    assert half.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(half, axis=1), 1, rtol=1e-5)
    assert (exact * half).sum(axis=1).min() > 0.995
    assert np.abs(exact - half).max() > 0


def test_only_the_image_tower_is_kept(tiny: TinyClip) -> None:
    encoder = OpenClipImageEncoder(find_source(str(tiny.config), str(tiny.checkpoint)))
    assert [name for name, _ in encoder._model.named_children()] == ["visual"]
    assert encoder.dimension == 24


class Trap:
    """Touches a file when unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def test_a_checkpoint_cannot_run_code(tiny: TinyClip, tmp_path: Path) -> None:
    import torch

    checkpoint, mark = tmp_path / "trap.pt", tmp_path / "sprung"
    torch.save({"state_dict": Trap(mark)}, checkpoint)
    with pytest.raises(OpenClipSourceError, match=r"trap\.pt: cannot be loaded"):
        OpenClipImageEncoder(find_source(str(tiny.config), str(checkpoint)))
    assert not mark.exists()
    pickle.loads(pickle.dumps(Trap(mark)))
    assert mark.exists(), "the trap must work where pickles are trusted"


def test_a_checkpoint_of_another_model_is_refused(tiny: TinyClip, tmp_path: Path) -> None:
    import torch

    checkpoint = tmp_path / "other.pt"
    torch.save({"visual.proj": torch.zeros(3, 3)}, checkpoint)
    with pytest.raises(OpenClipSourceError, match="cannot be loaded as tiny-encoder"):
        OpenClipImageEncoder(find_source(str(tiny.config), str(checkpoint)))
