"""Latents beside shards go with the clips that they are of."""

from __future__ import annotations

from pathlib import Path

from curation.dataset.storage import Storage
from curation.shards.take_out import shards_with, take_out
from tests.curation.shards.conftest import pack
from tests.curation.small_dataset import clip_ids_of


def test_other_shards_have_other_latents(dataset: Storage, tmp_path: Path) -> None:
    pack(dataset, tmp_path / "shards")
    latents = tmp_path / "shards/latents/0123456789abcdef/000000.safetensors"
    latents.parent.mkdir(parents=True)
    latents.write_bytes(b"latents")
    pack(dataset, tmp_path / "shards")
    assert latents.is_file()
    pack(dataset, tmp_path / "shards", seed=1)
    assert not (tmp_path / "shards/latents").exists()


def test_a_takedown_takes_them(dataset: Storage, tmp_path: Path) -> None:
    pack(dataset, tmp_path / "shards")
    (tmp_path / "shards/latents/0123456789abcdef").mkdir(parents=True)
    folder = Storage(str(tmp_path / "shards"))
    gone = set(clip_ids_of(dataset, "/v/c.mp4"))
    take_out(folder, list(shards_with(folder, gone)), gone, lambda told: told)
    assert not (tmp_path / "shards/latents").exists()
