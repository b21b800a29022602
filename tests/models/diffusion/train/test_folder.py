"""Which checkpoints are whole, and which are kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from models.diffusion.errors import DiffusionError
from models.diffusion.train.folder import CheckpointSettings, begin, prune, publish, whole_checkpoints, writing


def write(output: Path, steps: int) -> None:
    aside = writing(output, 4 * steps)
    begin(aside)
    (aside / "unet").mkdir()
    (aside / "unet" / "weights").write_text(str(steps))
    publish(aside, output, {"samples": 4 * steps, "steps": steps})


def steps_of(output: Path) -> list[int]:
    return [one.steps for one in whole_checkpoints(output)]


def test_the_newest_and_every_kth_are_kept(tmp_path: Path) -> None:
    rule = CheckpointSettings(keep_newest=2, keep_every_steps=40)
    for steps in range(10, 100, 10):
        write(tmp_path, steps)
        prune(tmp_path, rule)
    assert steps_of(tmp_path) == [40, 80, 90]
    assert len(list((tmp_path / "checkpoints").iterdir())) == 3


def test_what_a_killed_training_left_is_not_taken_for_whole_and_goes(tmp_path: Path) -> None:
    write(tmp_path, 10)
    begin(writing(tmp_path, 80))
    torn = tmp_path / "checkpoints" / "000000000120"
    torn.mkdir()
    assert steps_of(tmp_path) == [10]
    prune(tmp_path, CheckpointSettings())
    assert not writing(tmp_path, 80).exists()


def test_written_again_it_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    write(tmp_path, 10)
    (tmp_path / "checkpoints" / "000000000040" / "unet" / "weights").write_text("old")
    write(tmp_path, 10)
    assert steps_of(tmp_path) == [10]
    assert (tmp_path / "checkpoints" / "000000000040" / "unet" / "weights").read_text() == "10"


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    write(tmp_path, 10)
    file = tmp_path / "checkpoints" / "000000000040" / "complete.json"
    file.write_text(json.dumps({"format_version": 99}))
    with pytest.raises(DiffusionError, match="format version 99; this program reads 1"):
        whole_checkpoints(tmp_path)
