"""Batches that fit into memory: of items that are alike in length, and smaller after memory ran out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

# What PyTorch's allocators, cuBLAS and cuDNN say when there is none left.
OUT_OF_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)

log = logging.getLogger(__name__)


class ShrinkingBatches:
    """Runs a model over items, ``size`` at once. Where memory runs out the batch is halved, and stays that small."""

    def __init__(self, size: int) -> None:
        self.size = size

    def run(
        self,
        items: Sequence[Item],
        work: Callable[[Sequence[Item]], Sequence[Result]],
        *,
        length: Callable[[Item], int] | None = None,
    ) -> list[Result]:
        """One result per item, in the order of ``items``.

        ``length``: items are batched in this order, longest first, so that little is padded, and a batch that does
        not fit shows at once.

        Raises:
            Exception: what ``work`` raises; an out-of-memory error only when one item alone does not fit.
        """
        order = list(range(len(items)))
        if length is not None:
            order.sort(key=lambda number: -length(items[number]))
        results: dict[int, Result] = {}
        position = 0
        while position < len(order):
            chosen = order[position : position + self.size]
            try:
                done = work([items[number] for number in chosen])
            except Exception as error:
                if not is_out_of_memory(error) or len(chosen) == 1:
                    raise
                self.size = (len(chosen) + 1) // 2
                too_many = len(chosen)
            else:
                results.update(zip(chosen, done, strict=True))
                position += len(chosen)
                continue
            # Outside of the handler: the traceback would keep the tensors of the failed batch.
            log.warning("memory ran out for a batch of %d; from now on %d", too_many, self.size)
            _free_memory()
        return [results[number] for number in range(len(items))]


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a GPU (or the allocator of PyTorch on the CPU) had no memory left."""
    import torch

    if isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(said in str(error) for said in OUT_OF_MEMORY)


def _free_memory() -> None:
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
