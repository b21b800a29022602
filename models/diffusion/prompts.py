"""Prompts from a file."""

from __future__ import annotations

from pathlib import Path

from models.diffusion.errors import DiffusionError


def read_prompts(path: Path) -> list[str]:
    """One prompt a line, UTF-8; empty lines do not count.

    Raises:
        DiffusionError: the file cannot be read, or holds no prompt.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise DiffusionError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DiffusionError(f"{path}: is not UTF-8 text; give one prompt a line") from error
    prompts = [line.strip() for line in lines if line.strip()]
    if not prompts:
        raise DiffusionError(f"{path}: holds no prompt; give one a line")
    return prompts
