"""The files of a training: where checkpoints lie, which are whole, which are kept.

OUTPUT/
  recipe.json, log.jsonl, tensorboard/, samples/
  checkpoints/<samples, 12 digits>/   unet/, ema/, conditioning.json, recipe.json, state/; complete.json last
  ema_snapshots/                      averages of the weights, for other lengths afterwards
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from models.diffusion.errors import DiffusionError

CHECKPOINTS, SNAPSHOTS, COMPLETE, RECIPE = "checkpoints", "ema_snapshots", "complete.json", "recipe.json"
UNET, EMA, STATE, CONDITIONING = "unet", "ema", "state", "conditioning.json"
CONFIG_NAME, WEIGHTS_NAME = "config.json", "diffusion_pytorch_model.safetensors"
FORMAT_VERSION = 1
_WRITING, _DELETING = ".writing-", ".deleting-"


class CheckpointSettings(BaseModel):
    """When checkpoints are written and which are kept."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    every_steps: int = Field(1000, ge=1, description="steps between checkpoints; there is one at the end too")
    keep_newest: int = Field(2, ge=1, description="so many of the newest are kept")
    keep_every_steps: int | None = Field(
        None, ge=1, description="those of steps that are a multiple of it are kept for good; null: none"
    )
    snapshot_every_steps: int | None = Field(
        1000, ge=1, description="steps from snapshot to snapshot of the averages of the weights; null: none"
    )


@dataclass(frozen=True)
class Checkpoint:
    """A whole checkpoint."""

    path: Path
    samples: int
    steps: int

    @property
    def unet(self) -> Path:
        """Folder of the weights, as diffusers has it."""
        return self.path / UNET

    @property
    def state(self) -> Path:
        """Folder of what only resuming needs."""
        return self.path / STATE

    def average(self, name: str) -> Path:
        """File of an average of the weights."""
        return self.path / EMA / f"{name}.safetensors"


def whole_checkpoints(output: Path) -> list[Checkpoint]:
    """The checkpoints of a training that were written to their end, oldest first."""
    found = []
    for path in sorted((output / CHECKPOINTS).glob("[0-9]*")):
        told = read_complete(path)
        if told is not None:
            found.append(Checkpoint(path, told["samples"], told["steps"]))
    return sorted(found, key=lambda checkpoint: checkpoint.samples)


def checkpoint_at(path: Path) -> Checkpoint | None:
    """The whole checkpoint in this folder, or the newest one of this output folder; None where there is none."""
    told = read_complete(path)
    if told is not None:
        return Checkpoint(path, told["samples"], told["steps"])
    return next(reversed(whole_checkpoints(path)), None)


def read_complete(path: Path) -> dict[str, Any] | None:
    """What complete.json says, with ``samples`` and ``steps``; None where the checkpoint is not whole.

    Raises:
        DiffusionError: it is of a newer format.
    """
    try:
        told: dict[str, Any] = json.loads((path / COMPLETE).read_text(encoding="utf-8"))
        version = told["format_version"]
        if version == FORMAT_VERSION:
            return {**told, "samples": int(told["samples"]), "steps": int(told["steps"])}
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return None
    raise DiffusionError(f"{path}: a checkpoint of format version {version}; this program reads {FORMAT_VERSION}")


def digest_of(path: Path) -> str:
    """SHA-256 of a file.

    Raises:
        DiffusionError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DiffusionError(f"{path}: cannot be read: {error.strerror}") from error


def checked_digest(checkpoint: Checkpoint, name: str) -> str:
    """SHA-256 of a file of a checkpoint.

    Raises:
        DiffusionError: it is not the one that was written.
    """
    digest, told = digest_of(checkpoint.path / name), read_complete(checkpoint.path) or {}
    if told.get("sha256", {}).get(name) != digest:
        raise DiffusionError(
            f"{checkpoint.path / name}: is not the file that was written (SHA-256 differs); restore it, or delete the "
            "folder of this checkpoint to go on from the one before"
        )
    return digest


def writing(output: Path, samples: int) -> Path:
    """Where a checkpoint is written before it is whole."""
    return output / CHECKPOINTS / f"{_WRITING}{samples:012d}"


def begin(aside: Path) -> None:
    """Make an empty folder of it."""
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)


def publish(aside: Path, output: Path, told: dict[str, Any]) -> Checkpoint:
    """Say that what was written aside is whole, and move it to its place."""
    for file in (file for file in aside.rglob("*") if file.is_file()):
        _to_disk(file)
    complete = aside / COMPLETE
    complete.write_text(json.dumps({"format_version": FORMAT_VERSION, **told}, indent=2) + "\n", encoding="utf-8")
    _to_disk(complete)
    final = output / CHECKPOINTS / f"{told['samples']:012d}"
    _remove(final)
    os.replace(aside, final)
    _to_disk(final.parent)
    return Checkpoint(final, told["samples"], told["steps"])


def prune(output: Path, settings: CheckpointSettings) -> None:
    """Delete what the rule does not keep, and what a killed training left half written."""
    checkpoints = whole_checkpoints(output)
    for checkpoint in checkpoints[: -settings.keep_newest]:
        every = settings.keep_every_steps
        if every is None or checkpoint.steps % every:
            _remove(checkpoint.path)
    for left in leftovers(output):
        shutil.rmtree(left, ignore_errors=True)


def leftovers(output: Path) -> Iterable[Path]:
    """What killed processes left."""
    folder = output / CHECKPOINTS
    return [*folder.glob(f"{_WRITING}*"), *folder.glob(f"{_DELETING}*")]


def _remove(path: Path) -> None:
    """In one step out of sight, then gone."""
    if path.exists():
        aside = path.with_name(f"{_DELETING}{path.name}")
        shutil.rmtree(aside, ignore_errors=True)
        os.replace(path, aside)
        shutil.rmtree(aside, ignore_errors=True)


def _to_disk(path: Path) -> None:
    """Until the disk has it: a machine that loses power then still has whole checkpoints."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
