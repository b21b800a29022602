"""The image autoencoder and the temporal decoder against diffusers: same weights, same input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from safetensors.torch import load_file, save_file

from models.diffusion.autoencoder import AutoencoderError, AutoencoderSettings, autoencoder_identity, load_autoencoder
from models.diffusion.autoencoder.kl import KLConfig, KLModel
from models.diffusion.autoencoder.temporal_decoder import TemporalModel
from models.diffusion.model_files import ModelFilesError

SMALL: dict[str, Any] = {
    "block_out_channels": (32, 64),
    "down_block_types": ("DownEncoderBlock2D",) * 2,
    "layers_per_block": 2,
    "latent_channels": 4,
}
IMAGE: dict[str, Any] = {**SMALL, "up_block_types": ("UpDecoderBlock2D",) * 2}


def written(folder: Path, model: Any, seed: int = 0) -> Path:
    """The folder that diffusers writes of a model with livelier weights than its own."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    return torch.rand(6, 3, 32, 48, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"layers_per_block": 1, "norm_num_groups": 16, "latent_channels": 8},
        {"use_quant_conv": False, "use_post_quant_conv": False, "shift_factor": 0.3, "scaling_factor": 0.7},
        {"mid_block_add_attention": False},
    ],
)
def test_autoencoder_kl(tmp_path: Path, pictures: torch.Tensor, changes: dict[str, Any]) -> None:
    theirs = diffusers.AutoencoderKL(**{**IMAGE, **changes}).eval()
    folder = written(tmp_path / "vae", theirs)
    ours = load_autoencoder(AutoencoderSettings(model=str(folder), frames_per_pass=4))
    config = theirs.config
    assert (ours.channels, ours.factor, ours.scaling) == (config.latent_channels, 2, config.scaling_factor)
    with torch.no_grad():
        mean = theirs.encode(pictures).latent_dist.mode()
        expected = (mean - (config.shift_factor or 0)) * config.scaling_factor
        torch.testing.assert_close(ours.encode(pictures), expected, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(ours.decode(expected, 3), theirs.decode(mean).sample, atol=1e-4, rtol=1e-4)


def test_temporal_decoder(tmp_path: Path, pictures: torch.Tensor) -> None:
    theirs = diffusers.AutoencoderKLTemporalDecoder(**SMALL).eval()
    folder = written(tmp_path / "vae", theirs)
    ours = load_autoencoder(AutoencoderSettings(model=str(tmp_path), frames_per_pass=3))
    with torch.no_grad():
        mean = theirs.encode(pictures).latent_dist.mode()
        latents = ours.encode(pictures)
        torch.testing.assert_close(latents, mean * 0.18215, atol=1e-5, rtol=1e-5)
        two_videos = theirs.decode(mean, num_frames=3).sample
        torch.testing.assert_close(ours.decode(latents, 3), two_videos, atol=1e-4, rtol=1e-4)
        parts = torch.cat([theirs.decode(part, num_frames=len(part)).sample for part in (mean[:3], mean[3:])])
        torch.testing.assert_close(ours.decode(latents, 6), parts, atol=1e-4, rtol=1e-4)
        assert not torch.allclose(theirs.decode(mean[:3], num_frames=1).sample, parts[:3], atol=1e-3)
    assert folder.is_dir()


def test_published_sizes() -> None:
    """State dicts of the real configurations: SD 2.1's and SVD's."""
    real: dict[str, Any] = {
        "block_out_channels": (128, 256, 512, 512),
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "layers_per_block": 2,
    }
    with torch.device("meta"):
        pairs = [
            (KLModel(KLConfig(**real)), diffusers.AutoencoderKL(**real, up_block_types=("UpDecoderBlock2D",) * 4)),
            (TemporalModel(KLConfig(**real)), diffusers.AutoencoderKLTemporalDecoder(**real)),
        ]
    for ours, theirs in pairs:
        shapes = {name: tuple(value.shape) for name, value in ours.state_dict().items()}
        assert shapes == {name: tuple(value.shape) for name, value in theirs.state_dict().items()}
    counts = [sum(value.numel() for value in ours.parameters()) for ours, _ in pairs]
    assert counts == [83_653_863, 97_742_847]


def test_older_names_of_attention(tmp_path: Path, pictures: torch.Tensor) -> None:
    """As in SD 2.1's own checkpoint: query, key, value, proj_attn, as 1 × 1 convolutions in some."""
    folder = written(tmp_path / "vae", diffusers.AutoencoderKL(**IMAGE))
    settings = AutoencoderSettings(model=str(folder))
    expected = load_autoencoder(settings).encode(pictures)
    path = folder / "diffusion_pytorch_model.safetensors"
    old = {}
    for key, value in load_file(path).items():
        for new, name in (("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")):
            key = key.replace(f"attentions.0.{new}.", f"attentions.0.{name}.")
        old[key] = value[:, :, None, None].contiguous() if "query.weight" in key else value
    before = autoencoder_identity(settings)
    save_file(old, path)
    assert torch.equal(load_autoencoder(settings).encode(pictures), expected)
    assert autoencoder_identity(settings) != before


def test_what_the_identity_follows_from(tmp_path: Path) -> None:
    folder = written(tmp_path / "a", diffusers.AutoencoderKL(**IMAGE))
    other = written(tmp_path / "b", diffusers.AutoencoderKL(**IMAGE), seed=1)
    settings = AutoencoderSettings(model=str(folder))
    identities = {
        autoencoder_identity(settings),
        autoencoder_identity(settings.model_copy(update={"model": str(other)})),
        autoencoder_identity(settings.model_copy(update={"scale": 1.0})),
        autoencoder_identity(settings.model_copy(update={"shift": 0.5})),
    }
    assert len(identities) == 4
    moved = folder.rename(tmp_path / "moved")
    assert autoencoder_identity(AutoencoderSettings(model=str(moved), frames_per_pass=1)) in identities
    assert load_autoencoder(AutoencoderSettings(model=str(moved))).identity in identities


def test_the_network_is_frozen(tmp_path: Path, pictures: torch.Tensor) -> None:
    folder = written(tmp_path / "vae", diffusers.AutoencoderKL(**IMAGE))
    latents = load_autoencoder(AutoencoderSettings(model=str(folder))).encode(pictures)
    assert not latents.requires_grad
    (torch.ones(1, requires_grad=True) * latents).sum().backward()  # and yet may stand in a graph


def test_mistakes_are_one_line(tmp_path: Path, pictures: torch.Tensor) -> None:
    folder = written(tmp_path / "vae", diffusers.AutoencoderKL(**IMAGE))
    config, weights = folder / "config.json", folder / "diffusion_pytorch_model.safetensors"
    told = json.loads(config.read_text())

    def problem(expected: str, kind: type[Exception] = AutoencoderError, **settings: Any) -> None:
        with pytest.raises(kind, match=expected) as raised:
            load_autoencoder(AutoencoderSettings(**{"model": str(folder), **settings}))
        assert "\n" not in str(raised.value)

    problem("/nowhere is not there", ModelFilesError, model="/nowhere")
    problem(
        "on this machine; fetch it with `curation models pull",
        ModelFilesError,
        model="some/repository",
        cache_dir=str(tmp_path),
    )
    (tmp_path / "empty").mkdir()
    problem("has no vae/config.json or config.json", ModelFilesError, model=str(tmp_path / "empty"))
    config.write_text(json.dumps({**told, "_class_name": "VQModel"}))
    problem("VQModel is not known; give AutoencoderKL")
    config.write_text(json.dumps({**told, "layers_per_block": 1}))
    problem("not the weights of such a AutoencoderKL: .*Unexpected key")
    config.write_text("{")
    problem("no config.json of diffusers")
    config.write_text(json.dumps(told))
    weights.write_bytes(weights.read_bytes()[:1000])
    problem("the weights cannot be read")
    weights.unlink()
    problem("has no diffusion_pytorch_model.safetensors", ModelFilesError)


def test_sides_must_suit(tmp_path: Path) -> None:
    folder = written(tmp_path / "vae", diffusers.AutoencoderKL(**IMAGE))
    with pytest.raises(AutoencoderError, match="31 × 48 cannot be encoded: sides must be multiples of 2"):
        load_autoencoder(AutoencoderSettings(model=str(folder))).encode(torch.zeros(1, 3, 31, 48))
