"""LAION's heads: the published files, and what is built from a state dict."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from models.aesthetic import AestheticHead, AestheticHeadError, PublishedHead, fetch_head, published_head
from models.download import DownloadError
from tests.models.weights import downloaded_head


def embeddings(dimension: int, count: int = 5) -> npt.NDArray[np.float32]:
    values = np.random.default_rng(2).normal(size=(count, dimension)).astype(np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def published(model: str) -> PublishedHead:
    head = published_head(model)
    assert head is not None
    return head


def improved_predictor() -> Any:
    """The module of improved-aesthetic-predictor as its authors train it, dropout included."""
    from torch import nn

    layers = nn.Sequential(
        nn.Linear(768, 1024), nn.Dropout(0.2), nn.Linear(1024, 128), nn.Dropout(0.2),
        nn.Linear(128, 64), nn.Dropout(0.1), nn.Linear(64, 16), nn.Linear(16, 1),
    )  # fmt: skip
    return nn.ModuleDict({"layers": layers})


def test_the_head_of_vit_l_14(device: str) -> None:
    import torch

    file = downloaded_head(published("ViT-L-14"))
    reference = improved_predictor()
    reference.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    values = embeddings(768)
    expected = reference["layers"].eval()(torch.from_numpy(values)).detach().numpy()[:, 0]
    head = AestheticHead(file, device=device)
    assert head.dimension == 768
    np.testing.assert_allclose(head.score(values), expected, rtol=1e-4)
    assert 0 < expected.min() < expected.max() < 11


def test_the_head_of_vit_b_32(device: str) -> None:
    import torch

    file = downloaded_head(published("ViT-B-32"))
    reference = torch.nn.Linear(512, 1)
    reference.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    values = embeddings(512)
    expected = reference(torch.from_numpy(values)).detach().numpy()[:, 0]
    np.testing.assert_allclose(AestheticHead(file, device=device).score(values), expected, rtol=1e-4)


@pytest.mark.parametrize("model", ["ViT-L-14", "ViT-B-32"])
def test_the_published_digest_is_that_of_the_file(model: str) -> None:
    head = published(model)
    content = downloaded_head(head).read_bytes()
    assert (hashlib.sha256(content).hexdigest(), len(content)) == (head.sha256, head.num_bytes)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_the_architecture_comes_from_the_state_dict(tmp_path: Path, suffix: str) -> None:
    import torch
    from safetensors.torch import save_file

    module = improved_predictor()
    file = tmp_path / f"head{suffix}"
    save = save_file if suffix == ".safetensors" else torch.save
    save(module.state_dict(), file)
    values = embeddings(768)
    expected = module["layers"].eval()(torch.from_numpy(values)).detach().numpy()[:, 0]
    np.testing.assert_allclose(AestheticHead(file).score(values), expected, rtol=1e-4, atol=1e-6)


def broken_heads() -> dict[str, Any]:
    import torch

    weight, bias = torch.zeros(4, 8), torch.zeros(4)
    return {
        "four values": {"weight": weight, "bias": bias},
        "no bias": {"weight": weight[:1]},
        "other layers": {"conv.weight": weight, "conv.bias": bias},
        "no chain": {
            "layers.0.weight": weight, "layers.0.bias": bias,
            "layers.2.weight": weight[:1], "layers.2.bias": bias[:1],
        },
        "nothing": {},
        "a list": [weight],
    }  # fmt: skip


@pytest.mark.parametrize("name", ["four values", "no bias", "other layers", "no chain", "nothing", "a list"])
def test_what_is_no_head_is_refused(tmp_path: Path, name: str) -> None:
    import torch

    file = tmp_path / "head.pth"
    torch.save(broken_heads()[name], file)
    with pytest.raises(AestheticHeadError, match=r"head\.pth"):
        AestheticHead(file)


def test_a_file_that_is_no_weights_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "head.pth"
    file.write_text("not weights")
    with pytest.raises(AestheticHeadError, match="cannot be read"):
        AestheticHead(file)


def test_a_fetched_head_is_checked_and_kept(tmp_path: Path) -> None:
    origin = tmp_path / "origin.pth"
    origin.write_bytes(b"published")
    digest = hashlib.sha256(b"published").hexdigest()
    head = PublishedHead("head.pth", origin.as_uri(), digest, 9)
    assert fetch_head(head, tmp_path / "cache").read_bytes() == b"published"
    origin.unlink()
    assert fetch_head(head, tmp_path / "cache").read_bytes() == b"published"
    origin.write_bytes(b"replaced")
    with pytest.raises(DownloadError, match="SHA-256"):
        fetch_head(head, tmp_path / "elsewhere")
    assert list((tmp_path / "elsewhere").iterdir()) == []
