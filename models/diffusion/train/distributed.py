"""The processes that train together: one, those that torchrun started, or those of a Ray cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import torch
import torch.distributed as dist

from models.diffusion.device import choose_device
from models.diffusion.errors import DiffusionError

Device = Literal["auto", "cpu", "cuda"]
# A rank may wait this long for another one: validation and checkpoints of large models take minutes.
PATIENCE = timedelta(hours=1)


@dataclass(frozen=True)
class World:
    """``device``: what this process computes on; ``control``: a gloo group for small messages, which never wait for a
    GPU; None where this process is alone."""

    device: torch.device
    rank: int = 0
    size: int = 1
    control: dist.ProcessGroup | None = None

    @property
    def is_main(self) -> bool:
        """Whether this process writes and reports."""
        return self.rank == 0

    def sum(self, values: Sequence[float]) -> list[float]:
        """Each value summed over all ranks, in float64."""
        if self.control is None:
            return [float(value) for value in values]
        total = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(total, group=self.control)
        return [float(value) for value in total.tolist()]

    def gather(self, value: Any) -> list[Any]:
        """The value of every rank, in the order of ranks."""
        if self.control is None:
            return [value]
        found: list[Any] = [None] * self.size
        dist.all_gather_object(found, value, group=self.control)
        return found

    def agree(self, problem: str | None) -> str | None:
        """The first problem that any rank has; every rank must ask."""
        return next((one for one in self.gather(problem) if one is not None), None)

    def refuse(self, problem: str | None) -> None:
        """Every rank must call.

        Raises:
            DiffusionError: on every rank, where any has a problem.
        """
        found = self.agree(problem)
        if found is not None:
            raise DiffusionError(found)


@contextmanager
def joined(device: Device = "auto", given: torch.device | None = None) -> Iterator[World]:
    """Join the processes that torchrun (or Ray, which has made the process group already) started with this one.

    ``given``: the very device, where whoever started this process has chosen it.

    Raises:
        DiffusionError: a GPU is asked for and there is none, or fewer than processes on this machine.
    """
    local_rank = int(os.environ.get("LOCAL_RANK", 0))
    chosen = given or choose_device(device, local_rank)
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    mine = "RANK" in os.environ and not dist.is_initialized()
    if mine:
        dist.init_process_group("cpu:gloo,cuda:nccl" if chosen.type == "cuda" else "gloo", timeout=PATIENCE)
    if not dist.is_initialized() or dist.get_world_size() == 1:
        yield World(chosen)
    else:
        control: Any = dist.new_group(backend="gloo", timeout=PATIENCE)
        yield World(chosen, dist.get_rank(), dist.get_world_size(), control)
    if mine:
        dist.destroy_process_group()
