"""Where videos are written: one file, or a folder with one for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from models.diffusion.errors import DiffusionError
from models.diffusion.output import Format, refuse_existing, refuse_unwritable
from models.diffusion.request import Request


@dataclass(frozen=True)
class Destination:
    """``video``: a file, or a folder of PNG pictures; ``sidecar``: the JSON file beside it."""

    video: Path
    form: Format

    @property
    def sidecar(self) -> Path:
        """``a.json`` beside ``a.mp4``."""
        return self.video.with_suffix(".json")

    @property
    def is_done(self) -> bool:
        """Whether both are there; the sidecar is written last."""
        return self.video.exists() and self.sidecar.exists()


def destinations(
    output: Path, form: Format | None, requests: Sequence[Request], frames: int, *, overwrite: bool
) -> list[Destination]:
    """One for each request: ``output`` itself where it is named as a file (.mp4, .gif; .png for a single frame), else
    ``output/00000.mp4`` by the request's index. PNG pictures of a video lie in ``output/00000/``.

    Raises:
        DiffusionError: one file for several videos, another kind than asked for, or something is there already.
    """
    refuse_unwritable(output)
    named = _format_of(output)
    if named is None:
        form = form or "mp4"
        found = [Destination(output / _name(request, form, frames), form) for request in requests]
    else:
        if form not in (None, named):
            raise DiffusionError(f"--output {output}: is no {form}; leave --format away, or give a folder")
        if len(requests) > 1:
            raise DiffusionError(f"--output {output}: is one file for {len(requests)} videos; give a folder")
        if named == "png" and frames > 1:
            raise DiffusionError(f"--output {output}: holds one of {frames} frames; give a folder and --format png")
        found = [Destination(output, named)]
    if not overwrite:
        for one in found:
            refuse_existing(one.video)
            refuse_existing(one.sidecar)
    return found


def _name(request: Request, form: Format, frames: int) -> str:
    is_folder = form == "png" and frames > 1
    return f"{request.index:05d}" if is_folder else f"{request.index:05d}.{form}"


def _format_of(output: Path) -> Format | None:
    """None for a folder."""
    if output.is_dir() or not output.suffix:
        return None
    for form in get_args(Format):
        if output.suffix.lower() == f".{form}":
            known: Format = form
            return known
    raise DiffusionError(f"--output {output}: videos are written as .mp4, .gif or .png, or into a folder")
