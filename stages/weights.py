"""What a stage says about the weights that it needs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from curation.errors import UserError
from curation.stage import Requirement
from models.download import DownloadError
from models.hub import HubError, HubModel

Answer = TypeVar("Answer")


def hub_requirement(stage: str, model: HubModel, *, download: bool, key: str = "model") -> Requirement:
    """The requirement of ``stage`` for ``model``, which its parameter ``key`` names.

    Uses the network only where the model is not on this machine: to say how large it is, and with ``download`` whether
    it can be had. ``download``: the stage's ``setup`` fetches it.
    """
    name = f"weights {model}"

    files, fetch = telling(stage, model.files), telling(stage, model.fetch)
    if model.local() is not None:
        return Requirement(name, files=files, fetch=fetch)
    try:
        missing = [file for file in model.files() if file.path is None]
    except HubError as error:
        instead = f"give a folder with --set {stage}.{key}=/path"
        if model.is_path:
            return Requirement(name, f"{error}; {instead}", files=files)
        text = (
            f"{error}; {instead}"
            if download
            else f"the weights of {model} are not on this machine; {_mend(stage, key)} (size unknown: {error})"
        )
        return Requirement(name, text, files=files, fetch=fetch)
    num_bytes = sum(file.num_bytes or 0 for file in missing)
    if download:
        return Requirement(name, download_bytes=num_bytes, files=files, fetch=fetch)
    problem = f"the weights of {model} ({size_text(num_bytes)}) are not on this machine; {_mend(stage, key)}"
    return Requirement(name, problem, num_bytes, files=files, fetch=fetch)


def hub_folder(stage: str, model: HubModel, *, download: bool) -> Path:
    """Where ``model`` is on this machine, fetched only with ``download``.

    Raises:
        UserError: it is not there.
    """
    try:
        found = model.fetch() if download else model.local()
    except HubError as error:
        raise UserError(f"{stage}: {error}") from error
    if found is None:
        raise UserError(f"{stage}: {hub_requirement(stage, model, download=download).problem}")
    return found


def size_text(num_bytes: int) -> str:
    """A size as people read it: "3.1 GB", "12.0 kB"."""
    value = float(num_bytes)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def _mend(stage: str, key: str) -> str:
    return (
        "fetch them ahead with `curation models pull`, in the run with "
        f"--set {stage}.download=true, or give a folder with --set {stage}.{key}=/path"
    )


def telling(stage: str, ask: Callable[[], Answer]) -> Callable[[], Answer]:
    """``ask``, with its `HubError` or `DownloadError` as a `UserError` that names the stage."""

    def told() -> Answer:
        try:
            return ask()
        except (HubError, DownloadError) as error:
            raise UserError(f"{stage}: {error}") from error

    return told


def offline_problem(what: str) -> str | None:
    """Why ``what`` cannot be fetched in the run: HF_HUB_OFFLINE is set; None where it is not."""
    from huggingface_hub import constants

    if not constants.HF_HUB_OFFLINE:
        return None
    return f"{what} is not on this machine, and HF_HUB_OFFLINE keeps it from being fetched"
