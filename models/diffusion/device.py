"""The device that a model runs on."""

from __future__ import annotations

import torch

from models.diffusion.errors import DiffusionError


def choose_device(name: str, local_rank: int | None = None) -> torch.device:
    """``auto`` (a GPU where there is one), ``cpu``, ``cuda`` or ``cuda:1``.

    ``local_rank``: that of several processes on this machine, each of which gets a GPU of its own.

    Raises:
        DiffusionError: it is none of these, there is no such GPU, or there are fewer than processes.
    """
    count = torch.cuda.device_count()
    if name == "auto":
        name = "cuda" if count else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise DiffusionError(f"--device {name}: should be auto, cpu, cuda or cuda:N")
    if device.type == "cuda" and (device.index or 0) >= count:
        has = f"finds {count} GPUs" if count else "finds no GPU"
        raise DiffusionError(f"--device {name}: PyTorch {has} here; see `curation doctor`, or take --device cpu")
    if device.type == "cuda" and local_rank is not None:
        return _own_gpu(local_rank, count)
    return device


def _own_gpu(local_rank: int, count: int) -> torch.device:
    if local_rank >= count:
        raise DiffusionError(
            f"{local_rank + 1} or more processes were started on this machine and it has {count} GPUs: "
            f"start at most {count} (torchrun --nproc-per-node {count})"
        )
    return torch.device("cuda", local_rank)
