"""Loading of a model folder in the layout of transformers: weights that are data only, all of them there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


class PretrainedError(ValueError):
    """A model folder is of the wrong kind, incomplete or unreadable; one line: what, where, what to do."""


def load_model(loader: Any, folder: Path, *, dtype: torch.dtype, device: str) -> Any:
    """The model in ``folder`` by a class of transformers (its ``from_pretrained``), on ``device``, for inference.

    Weights are read as safetensors or with torch's ``weights_only``; no code that comes with them is run.

    Raises:
        PretrainedError: the folder cannot be read so, or weights are missing in it.
    """
    from transformers.utils import logging

    without_types: Any = logging
    without_types.disable_progress_bar()
    try:
        model, report = loader.from_pretrained(
            folder,
            dtype=dtype,
            local_files_only=True,
            weights_only=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except Exception as error:
        raise PretrainedError(f"{folder}: the model cannot be loaded: {_reason(error)}") from error
    require_all_weights(model, report, folder)
    return model.to(device).eval()


def require_all_weights(model: Any, report: Mapping[str, Any], path: Path) -> None:
    """``report``: the loading info that ``from_pretrained`` gave beside ``model``.

    Raises:
        PretrainedError: weights are missing, which transformers would draw at random.
    """
    missing = sorted(report["missing_keys"])
    if missing:
        raise PretrainedError(
            f"{path}: {len(missing)} weights of {type(model).__name__} are missing, {missing[0]} among them; "
            "give the checkpoint of such a model"
        )


def load_processor(loader: Any, folder: Path) -> Any:
    """The processor (tokenizer, image and video processors) in ``folder`` by a class of transformers.

    Raises:
        PretrainedError: a file of it, or a package that it needs, is missing or cannot be read.
    """
    try:
        return loader.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise PretrainedError(f"{folder}: the processor cannot be loaded: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
