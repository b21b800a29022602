"""`curation models --recipe`, and what `train` and `cache-latents` say of missing weights, against a real server."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from models.diffusion.train.log import read_log
from models.diffusion.unet.model import VideoUNet
from tests.models.diffusion.shape_shards import some_shapes, write_shards
from tests.models.diffusion.small_recipe import SMALL, small_recipe
from tests.models.diffusion.tiny_pipeline import WIDTH, files_of, save_autoencoder, write_encoders
from tests.models.hub_fixtures import hub_fixture  # noqa: F401
from tests.models.hub_server import HubServer, Repository

SHIPPED = Path(__file__).parents[3] / "pipelines.yaml"
Here = Callable[..., subprocess.CompletedProcess[str]]
OF_HUB: dict[str, Any] = {
    "autoencoder": {"model": "org/tiny"},
    "text_encoder": {"model": "org/tiny", "pretrained": None},
    "image_encoder": {"model": "org/tiny", "pretrained": None},
    "start": {"checkpoint": "org/tiny"},
    "training": {**SMALL["training"], "steps": 1},
}
UNET = {"unet/config.json", "unet/diffusion_pytorch_model.safetensors"}
VAE = {"vae/config.json", "vae/diffusion_pytorch_model.safetensors"}
TEXT = {"text_encoder/config.json", "text_encoder/model.safetensors", "tokenizer/tokenizer_config.json"}
IMAGE = {"image_encoder/config.json", "image_encoder/model.safetensors"}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A repository as that of Stable Video Diffusion, and files that nothing needs."""
    folder = tmp_path_factory.mktemp("tiny")
    write_encoders(folder)
    save_autoencoder(folder / "vae", 0)
    VideoUNet(small_recipe().unet_config(4, WIDTH).with_micro(3)).save_pretrained(folder / "unet")
    return {**files_of(folder), "unet/diffusion_pytorch_model.fp16.safetensors": b"half", "README.md": b"# tiny"}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "own.yaml"
    image = {"extends": "hub", "conditioning": {"context": "image"}}
    file.write_text(yaml.safe_dump({"recipes": {"small": SMALL, "hub": {**SMALL, **OF_HUB}, "image": image}}))
    return file


@pytest.fixture
def curation(curation_here: Here, config: Path, hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> Here:
    from models import hub as hub_module

    monkeypatch.setenv("COLUMNS", "300")

    def call(*words: str | Path) -> subprocess.CompletedProcess[str]:
        hub_module._LISTINGS.clear()
        return curation_here(*words, "--config", config)

    return call


def fetched(cache: Path) -> set[str]:
    """Files in the cache."""
    (snapshot,) = cache.glob("models--org--tiny/snapshots/*")
    return set(files_of(snapshot))


def test_list_pull_check_and_train(
    hub: HubServer, curation: Here, files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    hub.repositories["org/tiny"] = Repository(files)
    shards = write_shards(tmp_path / "shards", some_shapes([1.0]))
    train = ("train", shards, "--recipe", "hub", "--output", tmp_path / "out", "--device", "cpu", "--quiet")
    refused = curation(*train)
    assert refused.returncode == 2
    assert not hub.requests
    assert len(refused.stderr.splitlines()) == 1
    assert "weights are not on this machine: start org/tiny, autoencoder org/tiny, text_encoder" in refused.stderr
    assert "curation models pull --recipe hub" in refused.stderr
    assert not (tmp_path / "out").exists()
    encoding = curation("cache-latents", shards, "--recipe", "hub", "--device", "cpu")
    assert "not on this machine: autoencoder org/tiny, text_encoder org/tiny; fetch" in encoding.stderr
    listed = curation("models", "list", "--recipe", "hub")
    assert listed.returncode == 0, listed.stderr
    assert all(name in listed.stdout for name in UNET | VAE | TEXT)
    assert "not here" in listed.stdout
    pulled = curation("models", "pull", "--recipe", "hub")
    assert pulled.returncode == 0, pulled.stderr
    assert [line for line in pulled.stdout.splitlines() if "has come" in line] == [
        f"{key}: org/tiny has come" for key in ("start", "autoencoder", "text_encoder")
    ]
    assert fetched(tmp_path / "cache") >= UNET | VAE | TEXT
    assert not IMAGE & fetched(tmp_path / "cache")
    assert {"README.md", "unet/diffusion_pytorch_model.fp16.safetensors"}.isdisjoint(fetched(tmp_path / "cache"))
    asked = len(hub.requests)
    assert "has come" not in curation("models", "pull", "--recipe", "hub").stdout
    checked = curation("models", "check", "--recipe", "hub")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "vae/diffusion_pytorch_model.safetensors: SHA-256 as published" in checked.stdout
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    trained = curation(*train)
    assert trained.returncode == 0, trained.stderr
    assert len(read_log(tmp_path / "out")) == 1
    assert len(hub.requests) == asked


def test_an_image_encoder_in_the_place_of_a_text_encoder(
    hub: HubServer, curation: Here, files: dict[str, bytes], tmp_path: Path
) -> None:
    hub.repositories["org/tiny"] = Repository(files)
    pulled = curation("models", "pull", "--recipe", "image")
    assert pulled.returncode == 0, pulled.stderr
    assert fetched(tmp_path / "cache") == UNET | VAE | IMAGE


def test_a_damaged_file_is_found(hub: HubServer, curation: Here, files: dict[str, bytes], tmp_path: Path) -> None:
    hub.repositories["org/tiny"] = Repository(files)
    assert curation("models", "pull", "--recipe", "image").returncode == 0
    (damaged,) = (tmp_path / "cache").glob("models--org--tiny/snapshots/*/vae/*.safetensors")
    damaged.write_bytes(b"cut")
    checked = curation("models", "check", "--recipe", "image")
    assert checked.returncode == 1
    assert "remove it and fetch it again: curation models pull --recipe image" in checked.stderr


def test_a_recipe_that_needs_no_weights(curation: Here) -> None:
    for command in ("list", "pull", "check"):
        assert curation("models", command, "--recipe", "small").returncode == 0


def test_the_shipped_recipes_say_what_they_need(hub: HubServer, curation_here: Here) -> None:
    asked = curation_here("models", "pull", "--recipe", "image-to-video", "--config", SHIPPED)
    assert asked.returncode == 1
    autoencoder, encoder = asked.stderr.splitlines()
    assert "autoencoder: no repository stabilityai/stable-video-diffusion-img2vid at" in autoencoder
    assert "image_encoder: no repository laion/CLIP-ViT-H-14-laion2B-s32B-b79K at" in encoder


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (("--recipe", "hbu"), 2, 'no recipe "hbu"; did you mean "hub"?'),
        (("--recipe", "hub", "--pipeline", "lvd"), 2, "--recipe: goes with neither --pipeline nor --stage"),
        (("--recipe", "hub"), 1, "autoencoder: no repository org/tiny at"),
        (("--recipe", "small", "--set", "autoencoder.model=/nowhere"), 1, "autoencoder: /nowhere is not on this"),
        (("--recipe", "small", "--set", "text_encoder={model: ViT-H-41, pretrained: x}"), 1, "has no model 'ViT-H-41'"),
    ],
)
def test_mistakes_are_one_line(curation: Here, words: tuple[str, ...], status: int, told: str) -> None:
    done = curation("models", "pull", *words)
    assert done.returncode == status
    assert told in done.stderr
    assert "Traceback" not in done.stderr
