"""TAESD-type autoencoders, of diffusers' folder and of the published files; pixels as latents."""

from __future__ import annotations

import os
from pathlib import Path

import av
import diffusers
import pytest
import torch
from safetensors.torch import save_file

from models.diffusion.autoencoder import AutoencoderError, AutoencoderSettings, autoencoder_identity, load_autoencoder


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    return torch.rand(3, 3, 32, 48, generator=torch.Generator().manual_seed(1)) * 2 - 1


def tiny(**changes: object) -> diffusers.AutoencoderTiny:
    torch.manual_seed(0)
    sizes = {"encoder_block_out_channels": (16,) * 3, "decoder_block_out_channels": (16,) * 3}
    blocks = {"num_encoder_blocks": (1, 2, 2), "num_decoder_blocks": (2, 2, 1)}
    return diffusers.AutoencoderTiny(**{**sizes, **blocks, "latent_channels": 8, **changes}).eval()


def test_a_folder_of_diffusers(tmp_path: Path, pictures: torch.Tensor) -> None:
    theirs = tiny()
    theirs.save_pretrained(tmp_path / "vae")
    ours = load_autoencoder(AutoencoderSettings(model=str(tmp_path)))
    assert (ours.channels, ours.factor, ours.scaling) == (8, 4, 1.0)
    with torch.no_grad():
        latents = theirs.encode(pictures).latents
        torch.testing.assert_close(ours.encode(pictures), latents, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(ours.decode(latents, 1), theirs.decode(latents).sample, atol=1e-5, rtol=1e-5)


def as_published(model: diffusers.AutoencoderTiny) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Encoder and decoder as TAESD's files name their weights: the decoder's soft limit is layer 0."""
    states: tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]] = ({}, {})
    for key, value in model.state_dict().items():
        part, _, number, name = key.split(".", 3)
        is_decoder = part == "decoder"
        states[is_decoder][f"{int(number) + is_decoder}.{name}"] = value
    return states


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_published_files(tmp_path: Path, pictures: torch.Tensor, suffix: str) -> None:
    theirs = tiny()
    for name, state in zip(("encoder", "decoder"), as_published(theirs), strict=True):
        path = tmp_path / f"tae_{name}{suffix}"
        torch.save(state, path) if suffix == ".pth" else save_file(state, path)
    ours = load_autoencoder(AutoencoderSettings(model=str(tmp_path / "tae"), scale=2.0, shift=0.1))
    with torch.no_grad():
        latents = theirs.encode(pictures).latents
        torch.testing.assert_close(ours.encode(pictures), (latents - 0.1) * 2, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(
            ours.decode((latents - 0.1) * 2, 1), theirs.decode(latents).sample, atol=1e-5, rtol=1e-5
        )


class Command:
    """Unpickled, it would call a function."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("/tmp/this-was-run",)


def test_mistakes_are_one_line(tmp_path: Path) -> None:
    encoder, decoder = as_published(tiny())
    settings = AutoencoderSettings(model=str(tmp_path / "tae"))

    def problem(expected: str) -> None:
        with pytest.raises(AutoencoderError, match=expected) as raised:
            load_autoencoder(settings)
        assert "\n" not in str(raised.value)

    torch.save(encoder, tmp_path / "tae_encoder.pth")
    problem("tae_decoder.pth is missing beside the other half")
    torch.save(Command(), tmp_path / "tae_decoder.pth")
    problem("tae_decoder.pth: the weights cannot be read")
    assert not Path("/tmp/this-was-run").exists()
    torch.save([1, 2], tmp_path / "tae_decoder.pth")
    problem("other things than tensors")
    torch.save({"3.conv.0.weight": decoder["3.conv.0.weight"]}, tmp_path / "tae_decoder.pth")
    problem("not the weights of such a taesd: .*Missing key")
    torch.save({"model.weight": torch.zeros(3)}, tmp_path / "tae_decoder.pth")
    problem("model.weight is of no numbered layer")
    torch.save(
        {key: value for key, value in decoder.items() if int(key.split(".")[0]) < 8}, tmp_path / "tae_decoder.pth"
    )
    problem("do not belong together")


def taef2() -> str:
    """The published weights, where they are: $CURATION_TEST_WEIGHTS or ../shared/weights."""
    folders = [os.environ.get("CURATION_TEST_WEIGHTS"), Path(__file__).parents[5] / "shared/weights"]
    for folder in folders:
        if folder and (Path(folder) / "taef2_encoder.pth").is_file():
            return str(Path(folder) / "taef2")
    pytest.skip("taef2_encoder.pth is not here: set CURATION_TEST_WEIGHTS to its folder")


def test_a_published_autoencoder_shows_a_film(trailer: Path) -> None:
    ours = load_autoencoder(AutoencoderSettings(model=taef2()))
    assert (ours.channels, ours.factor) == (32, 8)
    with av.open(str(trailer)) as container:
        container.seek(30 * av.time_base)
        frame = next(container.decode(video=0)).reformat(width=256, height=144, format="rgb24")
    picture = torch.from_numpy(frame.to_ndarray()).permute(2, 0, 1).float().div(127.5).sub(1).unsqueeze(0)
    latents = ours.encode(picture)
    assert latents.shape == (1, 32, 18, 32)
    assert 0.5 < latents.std() < 1.5
    error = (ours.decode(latents, 1).clamp(-1, 1) - picture).square().mean()
    assert 10 * torch.log10(4 / error) > 26  # decibels


@pytest.mark.parametrize("factor", [1, 4])
def test_pixels_come_back(pictures: torch.Tensor, factor: int) -> None:
    settings = AutoencoderSettings(model=f"pixels:{factor}", scale=0.5)
    ours = load_autoencoder(settings)
    latents = ours.encode(pictures)
    assert latents.shape == (3, 3 * factor**2, 32 // factor, 48 // factor)
    torch.testing.assert_close(latents.abs().max(), pictures.abs().max() * 0.5)
    torch.testing.assert_close(ours.decode(latents, 3), pictures)
    assert ours.identity == autoencoder_identity(settings) == f"pixels:{factor}@0.5,0"
    with pytest.raises(AutoencoderError, match="write it as pixels:N"):
        load_autoencoder(AutoencoderSettings(model="pixels:big"))
