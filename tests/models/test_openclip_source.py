"""Looking models up without loading torch and without a network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from models.openclip_source import OpenClipSourceError, find_source
from tests.models.tiny_clip import TinyClip, create_tiny_clip

LOOK_UP = """
import sys
from models.openclip_source import find_source
source = find_source("ViT-L-14", "openai", cache_dir=sys.argv[1])
assert source.weights is None, source
assert source.quick_gelu
assert source.transform.size == (224, 224)
assert 1.6e9 < source.download_bytes < 1.8e9, source.download_bytes
print(source.origin)
print(sorted({"torch", "open_clip", "transformers"} & set(sys.modules)))
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyClip:
    return create_tiny_clip(tmp_path_factory.mktemp("clip"), name="tiny-source")


def hub_file(cache: Path, repository: str, name: str, content: bytes = b"weights") -> Path:
    """A file in the layout of the Hugging Face cache."""
    folder = cache / f"models--{repository.replace('/', '--')}"
    file = folder / "snapshots" / "abc" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    (folder / "refs").mkdir(exist_ok=True)
    (folder / "refs" / "main").write_text("abc")
    return file


def test_nothing_heavy_is_loaded(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LOOK_UP, str(tmp_path)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    assert lines == ["timm/vit_large_patch14_clip_224.openai/", "[]"]


def test_every_tag_is_known_as_open_clip_knows_it(tmp_path: Path) -> None:
    import open_clip

    for model, tag in open_clip.list_pretrained():
        if model not in open_clip.list_models():
            continue
        known = open_clip.get_pretrained_cfg(model, tag)
        source = find_source(model, tag, cache_dir=str(tmp_path))
        size = open_clip.get_model_config(model)["vision_cfg"].get("image_size", 224)
        assert source.transform.size == ((size, size) if isinstance(size, int) else tuple(size)), (model, tag)
        assert source.transform.mean == tuple(known["mean"])
        assert source.transform.resize_mode == known["resize_mode"]
        assert source.transform.interpolation == known["interpolation"]
        assert source.quick_gelu == known.get("quick_gelu", False)
        assert source.origin == (known["hf_hub"] or known["url"])


@pytest.mark.parametrize("name", ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"])
def test_weights_in_the_cache_are_found(tmp_path: Path, name: str) -> None:
    file = hub_file(tmp_path, "timm/vit_large_patch14_clip_224.openai", name)
    source = find_source("ViT-L-14", "openai", cache_dir=str(tmp_path))
    assert source.weights == file
    assert source.download_bytes == 0


def test_a_model_of_the_hub_is_found_in_the_cache(tmp_path: Path, tiny: TinyClip) -> None:
    with pytest.raises(OpenClipSourceError, match="hf download someone/tiny"):
        find_source("hf-hub:someone/tiny", None, cache_dir=str(tmp_path))
    for file in tiny.folder.iterdir():
        hub_file(tmp_path, "someone/tiny", file.name, file.read_bytes())
    source = find_source("hf-hub:someone/tiny", None, cache_dir=str(tmp_path))
    assert source.transform.size == (32, 32)
    assert source.transform.resize_mode == "squash"
    assert source.weights is not None
    assert source.weights.name == "open_clip_model.safetensors"


def test_a_model_by_its_configuration_and_a_checkpoint(tiny: TinyClip) -> None:
    source = find_source(str(tiny.config), str(tiny.checkpoint))
    assert (source.architecture, source.config, source.weights) == ("tiny-source", tiny.config, tiny.checkpoint)
    assert source.transform.size == (32, 32)


@pytest.mark.parametrize(
    ("model", "pretrained", "message"),
    [
        ("ViT-L14", "openai", "did you mean 'ViT-L-14'"),
        ("ViT-L-14", "opanai", "tags: openai"),
        ("ViT-L-14", "/nowhere/weights.pt", "no such file"),
        ("ViT-L-14", None, "pretrained tag or the path"),
        ("ViT-L-14", __file__, "must be one of .safetensors"),
        ("local-dir:/nowhere", None, "open_clip_config.json"),
        ("/nowhere/config.json", "openai", "no model"),
    ],
)
def test_what_cannot_be_had_is_told_in_one_line(model: str, pretrained: str | None, message: str) -> None:
    with pytest.raises(OpenClipSourceError, match=message) as failure:
        find_source(model, pretrained)
    assert "\n" not in str(failure.value)
