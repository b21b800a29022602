"""Checkpoints: which is the newest, which weights are meant, and what is wrong with others."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor

from models.diffusion.ema import PowerProfile
from models.diffusion.ema_reconstruction import save_snapshot
from models.diffusion.errors import DiffusionError
from models.diffusion.trained import open_trained
from tests.models.diffusion.tiny_trained import TinyTrained, recipe_of, write_training

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> TinyTrained:
    folder = tmp_path_factory.mktemp("trained")
    return write_training(folder / "output", recipe_of(folder))


@pytest.fixture
def training(unchanged: TinyTrained, tmp_path: Path) -> TinyTrained:
    shutil.copytree(unchanged.output, tmp_path / "output")
    return TinyTrained(tmp_path / "output", unchanged.recipe, unchanged.raw, unchanged.averages)


def weights(path: Path, ema: str | None = None) -> Mapping[str, Tensor]:
    return open_trained(path, ema).network(CPU, torch.float32).state_dict()


def same(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> bool:
    return found.keys() == expected.keys() and all(torch.equal(found[name], expected[name]) for name in expected)


def test_an_output_folder_is_its_newest_checkpoint_with_the_first_average(training: TinyTrained) -> None:
    trained = open_trained(training.output)
    assert (trained.place, trained.ema, trained.recipe) == (training.checkpoint(20), "0.050", training.recipe)
    assert same(weights(training.output), training.averages["0.050"])
    assert open_trained(training.checkpoint(10)).place == training.checkpoint(10)


def test_a_checkpoint_that_was_not_finished_is_passed_over(training: TinyTrained) -> None:
    (training.checkpoint(20) / "complete.json").unlink()
    assert open_trained(training.output).place == training.checkpoint(10)
    with pytest.raises(DiffusionError, match="is no checkpoint, or not a whole one"):
        open_trained(training.checkpoint(20))
    (training.checkpoint(10) / "complete.json").unlink()
    with pytest.raises(DiffusionError, match="has not written a whole checkpoint yet"):
        open_trained(training.output)


@pytest.mark.parametrize("ema", ["0.100", "0.1", "0.10"])
def test_an_average_is_chosen_by_its_name_or_width(training: TinyTrained, ema: str) -> None:
    assert same(weights(training.output, ema), training.averages["0.100"])


def test_the_weights_themselves(training: TinyTrained) -> None:
    assert same(weights(training.output, "raw"), training.raw)


def test_a_file_of_weights_belongs_to_its_checkpoint(training: TinyTrained) -> None:
    checkpoint = training.checkpoint(20)
    assert same(weights(checkpoint / "ema" / "0.100.safetensors"), training.averages["0.100"])
    raw = open_trained(checkpoint / "unet" / "diffusion_pytorch_model.safetensors")
    assert raw.ema == "raw"
    assert same(raw.network(CPU, torch.float32).state_dict(), training.raw)


def test_an_average_of_another_width_comes_from_the_snapshots(training: TinyTrained) -> None:
    with pytest.raises(DiffusionError, match="holds no snapshots"):
        weights(training.output, "0.07")
    for name in ("0.050", "0.100"):
        save_snapshot(training.output / "ema_snapshots", PowerProfile(float(name)), 20, training.averages[name])
    found = weights(training.output, "0.07")
    key = "conv_in.weight"
    near, far = (training.averages[name][key] for name in ("0.050", "0.100"))
    share = float(((found[key] - near) / (far - near)).mean())
    assert 0.2 < share < 0.8
    torch.testing.assert_close(found[key], near + share * (far - near), atol=1e-4, rtol=1e-3)
    assert set(open_trained(training.output, "0.07").identity()["sha256"]) == {
        f"{20:012d}-0.050.safetensors",
        f"{20:012d}-0.100.safetensors",
    }


def test_weights_are_known_by_their_digest_and_damage_is_told(training: TinyTrained) -> None:
    trained = open_trained(training.output)
    told = json.loads((training.checkpoint(20) / "complete.json").read_text())
    assert trained.identity()["sha256"] == told["sha256"]["ema/0.050.safetensors"]
    file = training.checkpoint(20) / "ema" / "0.050.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(DiffusionError, match="SHA-256 differs"):
        trained.identity()


def test_what_is_no_checkpoint_is_told(training: TinyTrained, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("")
    for path, told in (
        (tmp_path / "missing", "there is no such file or folder"),
        (tmp_path, "is no checkpoint"),
        (tmp_path / "text.txt", "is no weights file of a checkpoint"),
    ):
        with pytest.raises(DiffusionError, match=told) as raised:
            open_trained(path)
        assert "\n" not in str(raised.value)
    with pytest.raises(DiffusionError, match=r"has 0\.050, 0\.100, raw"):
        open_trained(training.output, "best")
    with pytest.raises(DiffusionError, match="to choose with --ema"):
        open_trained(training.checkpoint(20) / "ema" / "0.100.safetensors", "0.050")


def test_damaged_and_foreign_weights_are_told(training: TinyTrained) -> None:
    file = training.checkpoint(20) / "ema" / "0.050.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(DiffusionError, match="cannot be read as safetensors"):
        weights(training.output)
    config = training.checkpoint(20) / "unet" / "config.json"
    values = json.loads(config.read_text())
    config.write_text(json.dumps(values | {"block_out_channels": [128]}))
    with pytest.raises(DiffusionError, match="not of the shape"):
        weights(training.output, "0.100")
