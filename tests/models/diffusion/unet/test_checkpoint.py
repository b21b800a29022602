"""Folders in diffusers' layout: to and fro, in shards, damaged."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from models.diffusion.errors import DiffusionError
from models.diffusion.unet import weight_files
from models.diffusion.unet.checkpoint import load, save
from models.diffusion.unet.model import VideoUNet
from tests.models.diffusion.unet.tiny import config, inputs, network

WEIGHTS = "diffusion_pytorch_model.safetensors"
INDEX = f"{WEIGHTS}.index.json"
WITHOUT = ["DownBlockSpatioTemporal"] * 2 + ["UpBlockSpatioTemporal"] * 2
GIVEN = inputs(config(), batch=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    network(config()).save_pretrained(tmp_path / "unet")
    return tmp_path / "unet"


def test_saved_and_loaded_it_is_the_same_model(folder: Path) -> None:
    model, again = network(config()), VideoUNet.from_pretrained(folder)
    assert again.config == model.config
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", WEIGHTS]
    assert torch.equal(again(*GIVEN), model(*GIVEN))
    assert all(parameter.requires_grad for parameter in again.parameters())


def test_diffusers_reads_what_is_saved(folder: Path) -> None:
    from diffusers import UNetSpatioTemporalConditionModel

    theirs, report = UNetSpatioTemporalConditionModel.from_pretrained(
        folder, local_files_only=True, output_loading_info=True, low_cpu_mem_usage=False
    )
    assert not any(report.values())
    torch.testing.assert_close(theirs(*GIVEN).sample, network(config())(*GIVEN), rtol=0, atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"max_shard_size": "500KB"}, {"variant": "fp16"}])
def test_what_diffusers_saves_is_read(tmp_path: Path, options: dict[str, Any]) -> None:
    from diffusers import UNetSpatioTemporalConditionModel

    values = {name: value for name, value in config().to_diffusers().items() if name != "_class_name"}
    theirs = UNetSpatioTemporalConditionModel(**values)
    theirs.save_pretrained(tmp_path, **options)
    assert (tmp_path / INDEX).exists() == ("max_shard_size" in options)
    ours = VideoUNet.from_pretrained(tmp_path, variant=options.get("variant"))
    torch.testing.assert_close(ours(*GIVEN), theirs(*GIVEN).sample, rtol=0, atol=1e-5)


def test_shards_are_written_with_an_index_and_read_again(tmp_path: Path) -> None:
    model = network(config())
    save(tmp_path, model.config, model.state_dict(), max_shard_bytes=1 << 19)
    places = json.loads((tmp_path / INDEX).read_text())["weight_map"]
    shards = sorted(set(places.values()))
    assert len(shards) > 2
    assert {key: places[key] for name in shards for key in load_file(tmp_path / name)} == places
    assert places.keys() == model.state_dict().keys()
    assert torch.equal(load(tmp_path)(*GIVEN), model(*GIVEN))
    save(tmp_path, model.config, model.state_dict())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", WEIGHTS]


def test_type_and_checkpointing_are_the_readers_choice(folder: Path) -> None:
    model = VideoUNet.from_pretrained(folder, dtype=torch.bfloat16, activation_checkpointing="full")
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    assert model.config.activation_checkpointing == "full"


def test_pickled_weights_are_read_as_data(folder: Path) -> None:
    torch.save(load_file(folder / WEIGHTS), folder / "diffusion_pytorch_model.bin")
    (folder / WEIGHTS).unlink()
    assert torch.equal(load(folder)(*GIVEN), network(config())(*GIVEN))


def edited(**changes: Any) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        values = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(values | changes))

    return edit


def without_a_weight(folder: Path) -> None:
    state = load_file(folder / WEIGHTS)
    del state["conv_out.bias"]
    save_file(state, folder / WEIGHTS)


def index_that_leaves_the_folder(folder: Path) -> None:
    (folder / WEIGHTS).rename(folder.parent / WEIGHTS)
    (folder / INDEX).write_text(json.dumps({"weight_map": {"conv_out.bias": f"../{WEIGHTS}"}}))


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (edited(block_out_channels=[64, 128]), r"safetensors: \S+ has shape \(.*\), not \(.*\); .* another model"),
        (edited(cross_attention_dim=32), r"attn2\.to_k\.weight has shape \(32, 24\), not \(32, 32\)"),
        (edited(layers_per_block=2), r"weights are missing, .* among them; .*config\.json describes another model"),
        (edited(down_block_types=WITHOUT[:2], up_block_types=WITHOUT[2:]), r"weights have no place, \S+ among them"),
        (edited(_class_name="UNet3DConditionModel"), "_class_name is UNet3DConditionModel"),
        (without_a_weight, r"1 weights are missing, conv_out\.bias among them"),
        (lambda folder: (folder / WEIGHTS).write_bytes(b"torn"), "safetensors: cannot be read"),
        (lambda folder: (folder / WEIGHTS).unlink(), "holds no weights; .*safetensors or its shards are wanted"),
        (lambda folder: (folder / "config.json").unlink(), "config.json: there is no such file"),
        (lambda folder: (folder / "config.json").write_text("{"), "config.json: cannot be read"),
        (lambda folder: (folder / "config.json").write_text("[]"), "config.json: holds no JSON object"),
        (index_that_leaves_the_folder, "names no files of this folder"),
    ],
)  # fmt: skip
def test_a_checkpoint_that_does_not_fit_is_one_clear_line(
    folder: Path, damage: Callable[[Path], object], told: str
) -> None:
    damage(folder)
    with pytest.raises(DiffusionError, match=told) as refused:
        VideoUNet.from_pretrained(folder)
    assert "\n" not in str(refused.value)


def test_a_full_disk_leaves_what_was_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def full(_state: object, path: Path, metadata: object) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(weight_files, "save_file", full)
    with pytest.raises(DiffusionError, match=r"unet: the model cannot be written: .*No space left on device"):
        network(config(), seed=1).save_pretrained(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
