"""The weight files of a folder in diffusers' layout: which there are, what they hold, reading and writing them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from models.diffusion.errors import DiffusionError

_STEM: Final = "diffusion_pytorch_model"
_INDEX: Final = f"{_STEM}.safetensors.index"
CONFIG: Final = "config.json"


class WeightFiles:
    """The weights in ``folder``: safetensors in one file or in shards with an index; a pickled ``.bin`` where there is
    nothing else, read with ``weights_only``.

    Attributes:
        shapes: of every weight, by name.
    """

    def __init__(self, folder: Path, variant: str | None = None) -> None:
        """``variant``: of the files' names, such as "fp16".

        Raises:
            DiffusionError: there are no weights, or they cannot be read.
        """
        self._pickled: Mapping[str, Tensor] = {}
        self._file_of: dict[str, Path] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        dotted = f".{variant}" if variant else ""
        single, pickled = folder / f"{_STEM}{dotted}.safetensors", folder / f"{_STEM}{dotted}.bin"
        index = folder / f"{_INDEX}{dotted}.json"
        if single.is_file():
            self._open(single)
        elif index.is_file():
            for name in _shards(index):
                self._open(folder / name)
        elif pickled.is_file():
            self._unpickle(pickled)
        else:
            raise DiffusionError(f"{folder}: holds no weights; {single.name} or its shards are wanted")

    def where(self, name: str) -> Path:
        """The file that holds this weight."""
        return self._file_of[name]

    def read(self, dtype: torch.dtype | None, device: str | torch.device) -> Iterator[tuple[str, Tensor]]:
        """Names and weights, one by one. ``dtype``: None: as stored."""
        for file in dict.fromkeys(self._file_of.values()):
            if self._pickled:
                yield from ((name, value.to(device, dtype)) for name, value in self._pickled.items())
                return
            with _readable(file), safe_open(file, framework="pt", device=str(device)) as opened:
                for name in opened.keys():  # noqa: SIM118 (not a dict)
                    yield name, opened.get_tensor(name).to(dtype)

    def _open(self, file: Path) -> None:
        with _readable(file), safe_open(file, framework="pt") as opened:
            for name in opened.keys():  # noqa: SIM118 (not a dict)
                self.shapes[name] = tuple(opened.get_slice(name).get_shape())
                self._file_of[name] = file

    def _unpickle(self, file: Path) -> None:
        with _readable(file):
            state = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
        if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
            raise DiffusionError(f"{file}: holds no state dict")
        self._pickled = state
        self.shapes = {name: tuple(value.shape) for name, value in state.items()}
        self._file_of = dict.fromkeys(state, file)


def require_shapes(wanted: Mapping[str, tuple[int, ...]], files: WeightFiles, folder: Path) -> None:
    """Raises:
    DiffusionError: names or shapes of the weights are not those that the model of ``folder``'s config.json has.
    """
    hint = f"{folder / CONFIG} describes another model"
    missing, surplus = sorted(wanted.keys() - files.shapes.keys()), sorted(files.shapes.keys() - wanted.keys())
    if missing:
        raise DiffusionError(f"{folder}: {len(missing)} weights are missing, {missing[0]} among them; {hint}")
    if surplus:
        raise DiffusionError(f"{folder}: {len(surplus)} weights have no place, {surplus[0]} among them; {hint}")
    for name, shape in wanted.items():
        if files.shapes[name] != shape:
            raise DiffusionError(f"{files.where(name)}: {name} has shape {files.shapes[name]}, not {shape}; {hint}")


def read_json(file: Path) -> dict[str, Any]:
    """A JSON object.

    Raises:
        DiffusionError: there is no such file, or it holds something else.
    """
    with _readable(file):
        values = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(values, dict):
        raise DiffusionError(f"{file}: holds no JSON object")
    return values


def write(folder: Path, config: Mapping[str, Any], state: Mapping[str, Tensor], max_shard_bytes: int) -> None:
    """Write config.json and safetensors, each aside and then renamed; weights of before are removed.

    Raises:
        DiffusionError: it cannot be written; nothing half written is left.
    """
    shards = _dealt(state, max_shard_bytes)
    names = [f"{_STEM}.safetensors"]
    if len(shards) > 1:
        names = [f"{_STEM}-{number:05}-of-{len(shards):05}.safetensors" for number in range(1, len(shards) + 1)]
    plan: dict[str, Callable[[Path], object]] = {
        name: lambda path, shard=shard: save_file(  # type: ignore[misc]
            {key: state[key].detach().contiguous() for key in shard}, path, metadata={"format": "pt"}
        )
        for name, shard in zip(names, shards, strict=True)
    }
    if len(shards) > 1:
        total = sum(value.nbytes for value in state.values())
        places = {key: name for name, shard in zip(names, shards, strict=True) for key in shard}
        plan[f"{_INDEX}.json"] = _json_writer({"metadata": {"total_size": total}, "weight_map": places})
    plan[CONFIG] = _json_writer(config)
    _publish(folder, plan)


def _publish(folder: Path, plan: Mapping[str, Callable[[Path], object]]) -> None:
    token = secrets.token_hex(4)
    aside = {name: folder / f".{name}.{token}.part" for name in plan}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, write_to in plan.items():
            write_to(aside[name])
        for old in [*folder.glob(f"{_STEM}*.safetensors"), *folder.glob(f"{_INDEX}*.json")]:
            old.unlink()
        for name, path in aside.items():
            path.replace(folder / name)
    except (OSError, SafetensorError) as error:
        for path in aside.values():
            path.unlink(missing_ok=True)
        raise DiffusionError(f"{folder}: the model cannot be written: {_line(error)}") from error


def _json_writer(values: Mapping[str, Any]) -> Callable[[Path], object]:
    return lambda path: path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def _dealt(state: Mapping[str, Tensor], most: int) -> list[list[str]]:
    """Names in order, as many to a shard as ``most`` bytes take, one at least."""
    shards: list[list[str]] = [[]]
    size = 0
    for name, value in state.items():
        if shards[-1] and size + value.nbytes > most:
            shards.append([])
            size = 0
        shards[-1].append(name)
        size += value.nbytes
    return shards


def _shards(index: Path) -> list[str]:
    places = read_json(index).get("weight_map")
    names = sorted(set(places.values())) if isinstance(places, dict) else []
    if not names or any(Path(name).name != name for name in names):
        raise DiffusionError(f"{index}: names no files of this folder; fetch the model again")
    return names


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    """Turns what reading raises into one line."""
    try:
        yield
    except FileNotFoundError as error:
        raise DiffusionError(f"{file}: there is no such file; give a model's folder in diffusers' layout") from error
    except Exception as error:
        raise DiffusionError(f"{file}: cannot be read: {_line(error)}") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
