"""The device that a model runs on."""

from __future__ import annotations

import torch

from models.diffusion.errors import DiffusionError


def choose_device(name: str) -> torch.device:
    """``auto`` (a GPU where there is one), ``cpu``, ``cuda`` or ``cuda:1``.

    Raises:
        DiffusionError: it is none of these, or there is no such GPU.
    """
    count = torch.cuda.device_count()
    if name == "auto":
        return torch.device("cuda" if count else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise DiffusionError(f"--device {name}: should be auto, cpu, cuda or cuda:N")
    if device.type == "cuda" and (device.index or 0) >= count:
        has = f"finds {count} GPUs" if count else "finds no GPU"
        raise DiffusionError(f"--device {name}: PyTorch {has} here; see `curation doctor`, or take --device cpu")
    return device
