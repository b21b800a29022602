"""One network on several processes: copies of it (DDP), or a piece on each (FSDP2)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel

from models.diffusion.train.distributed import World

Strategy = Literal["ddp", "fsdp"]
Units = Callable[[nn.Module], list[nn.Module]]


def parallel(network: nn.Module, units: list[nn.Module], world: World, strategy: Strategy, bf16: bool) -> nn.Module:
    """``network``, ready to be called on every rank; it is changed in place where it is sharded.

    ``units``: the modules inside it whose parameters are gathered together (FSDP2 only).
    """
    if world.size == 1:
        return network
    if strategy == "ddp":
        devices = [world.device] if world.device.type == "cuda" else None
        return DistributedDataParallel(network, device_ids=devices, gradient_as_bucket_view=True)
    # It warns of views, which parts of the network return: nothing is written into them.
    warnings.filterwarnings("ignore", "FSDP2-wrapped module", UserWarning)
    mesh = init_device_mesh(world.device.type, (world.size,))
    # Autocast casts where it is computed, as with copies: noise level and micro-conditions would be rounded before.
    policy = MixedPrecisionPolicy(torch.bfloat16 if bf16 else None, torch.float32, cast_forward_inputs=False)
    for unit in units:
        fully_shard(unit, mesh=mesh, mp_policy=policy)
    fully_shard(network, mesh=mesh, mp_policy=policy)
    return network


@contextmanager
def gradients_kept_here(network: nn.Module, keep: bool) -> Iterator[None]:
    """Let gradients add up on this rank without sending them, for all but the last part of an accumulated batch."""
    if keep and isinstance(network, DistributedDataParallel):
        with network.no_sync():
            yield
        return
    if isinstance(network, FSDPModule):
        network.set_requires_gradient_sync(not keep)
    yield


def resharded(network: nn.Module) -> None:
    """Let go of the pieces of other ranks. FSDP2 keeps them after a forward pass, for a backward pass that never comes
    where nothing is trained."""
    for module in network.modules():
        if isinstance(module, FSDPModule):
            module.reshard()


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor with the pieces of all ranks; every rank must ask."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def whole_on_cpu(tensors: Mapping[str, torch.Tensor], world: World) -> dict[str, torch.Tensor]:
    """Copies of all tensors on the main rank, nothing elsewhere; every rank must ask."""
    found: dict[str, torch.Tensor] = {}
    for name, tensor in tensors.items():
        full = whole(tensor.detach())
        if world.is_main:
            found[name] = full.cpu().contiguous()
    return found


def unwrapped(network: nn.Module) -> Any:
    """The network without DDP around it."""
    return network.module if isinstance(network, DistributedDataParallel) else network
