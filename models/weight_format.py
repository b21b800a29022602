"""Whether a file of weights, or a small file beside it, can be read as what its name says. Loads no torch."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

_TORCH = (".bin", ".pt", ".pth")
_ZIP_START = b"PK\x03\x04"
_PICKLE_STARTS = (b"\x80\x02", b"\x80\x03", b"\x80\x04")


def unreadable(path: Path) -> str | None:
    """Why the file cannot be read, in words; None when it can, or when its kind is not known.

    safetensors: the header, and that the tensors fill the file. PyTorch: the checksums of the archive; of the older
    format only its beginning. GGUF: its beginning. JSON: all of it.
    """
    try:
        if path.suffix == ".safetensors":
            return _safetensors(path)
        if path.suffix in _TORCH:
            return _torch(path)
        if path.suffix == ".gguf":
            return None if _start(path, 4) == b"GGUF" else "it does not begin as a GGUF file does"
        if path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        return f"it cannot be read: {' '.join(str(error).split())}"
    return None


def _safetensors(path: Path) -> str | None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            return None if list(file.keys()) else "it holds no tensors"
    except SafetensorError as error:
        return f"it cannot be read as safetensors: {error}"


def _torch(path: Path) -> str | None:
    start = _start(path, 4)
    if start == _ZIP_START:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        return f"{damaged} in it is damaged" if damaged else None
    return None if start[:2] in _PICKLE_STARTS else "it is no file of PyTorch"


def _start(path: Path, length: int) -> bytes:
    with path.open("rb") as file:
        return file.read(length)
