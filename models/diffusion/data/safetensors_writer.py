"""A safetensors file written tensor by tensor: in memory is one of them."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from torch import Tensor

_NAMES = {torch.float16: "F16", torch.float32: "F32"}
_ALIGNED = 8


class SafetensorsWriter:
    """Collects tensors in a scratch file, as the file's header, which stands first, tells all their places.

    A context manager. Format: https://huggingface.co/docs/safetensors
    """

    def __init__(self, folder: Path | None) -> None:
        """``folder``: of the scratch file; None: the usual one."""
        self._scratch = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        self._header: dict[str, Any] = {}
        self._size = 0

    def __enter__(self) -> SafetensorsWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._scratch.close()

    def add(self, name: str, tensor: Tensor) -> int:
        """Write a tensor; returns at which byte of the data, which follow the header, it begins."""
        data = tensor.detach().cpu().contiguous()
        start = self._size
        self._scratch.write(data.view(torch.uint8).numpy().tobytes() if data.numel() else b"")
        self._size += data.numel() * data.element_size()
        place = {"dtype": _NAMES[data.dtype], "shape": list(data.shape), "data_offsets": [start, self._size]}
        self._header[name] = place
        return start

    def finish(self, path: Path, metadata: Mapping[str, str]) -> None:
        """Write the file."""
        header = json.dumps({"__metadata__": dict(metadata), **self._header}, separators=(",", ":")).encode()
        header += b" " * (-len(header) % _ALIGNED)
        self._scratch.seek(0)
        with path.open("wb") as file:
            file.write(len(header).to_bytes(8, "little") + header)
            shutil.copyfileobj(self._scratch, file, 1 << 20)


def data_start(first: bytes) -> int:
    """At which byte of a file its data begin, from its first eight bytes."""
    return 8 + int.from_bytes(first[:8], "little")
