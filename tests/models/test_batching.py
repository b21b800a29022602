"""Batches shrink when memory runs out, and nothing is lost or done out of order."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.batching import ShrinkingBatches


@pytest.fixture(scope="module", autouse=True)
def quick_collection() -> Iterator[None]:
    """Each shrinking collects garbage: what torch and pytest hold need not be looked through every time."""
    gc.freeze()
    yield
    gc.unfreeze()


class Device:
    """A model whose memory holds ``capacity`` units; an item takes as many as its value."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.seen: list[int] = []

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.seen.append(len(items))
        if len(items) * max(items) > self.capacity:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return [item * item for item in items]


@given(
    items=st.lists(st.integers(1, 50), max_size=40),
    size=st.integers(1, 16),
    capacity=st.integers(50, 400),
    is_sorted=st.booleans(),
)
def test_one_result_per_item_in_order(items: list[int], size: int, capacity: int, is_sorted: bool) -> None:
    batches = ShrinkingBatches(size)
    length = (lambda item: item) if is_sorted else None
    assert batches.run(items, Device(capacity), length=length) == [item * item for item in items]


def test_the_smaller_size_is_remembered() -> None:
    batches, device = ShrinkingBatches(8), Device(3)
    batches.run([1] * 8, device)
    assert device.seen == [8, 4, 2, 2, 2, 2]
    device.seen.clear()
    batches.run([1] * 8, device)
    assert device.seen == [2, 2, 2, 2]


def test_one_item_that_does_not_fit_fails() -> None:
    with pytest.raises(torch.OutOfMemoryError):
        ShrinkingBatches(4).run([1, 9], Device(5))


def test_other_errors_are_not_swallowed() -> None:
    def broken(items: Sequence[int]) -> list[int]:
        raise RuntimeError("shape mismatch")

    with pytest.raises(RuntimeError, match="shape mismatch"):
        ShrinkingBatches(4).run([1, 2], broken)
