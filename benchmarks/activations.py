"""Bytes that a forward pass leaves in memory for the backward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class _Storages(TorchDispatchMode):
    """Remembers every storage that an operation made, without keeping it."""

    def __init__(self) -> None:
        super().__init__()
        self._made: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        given = {storage._cdata for storage in _storages((args, kwargs))}
        for storage in _storages(result):
            if storage._cdata not in given:  # else a view, or written in place
                self._made[storage._cdata] = (StorageWeakRef(storage), storage.nbytes())
        return result

    def alive(self) -> int:
        return sum(size for reference, size in self._made.values() if not reference.expired())


def _storages(tree: Any) -> Iterator[torch.UntypedStorage]:
    return (leaf.untyped_storage() for leaf in tree_leaves(tree) if isinstance(leaf, Tensor))


def saved_bytes(forward: Callable[[], Tensor]) -> int:
    """What is still there after ``forward``, inputs, weights and the output itself left out.

    Counts by storage, so that views and what is saved twice count once. Sees what checkpointing and hand-written
    functions keep as well. The device does not matter: fake tensors are counted as real ones would be.
    """
    with _Storages() as storages:
        output = forward()
    return storages.alive() - output.untyped_storage().nbytes()
