"""What is drawn for a sample follows from its counter alone."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from models.diffusion.randomness import normal, uniform

INDEX = st.integers(0, 2**62)


@given(st.integers(0, 2**40), st.lists(INDEX, min_size=1, max_size=5))
def test_neither_batch_nor_order_changes_what_a_sample_gets(seed: int, indices: list[int]) -> None:
    together = normal(seed, indices, "noise", (3,))
    for number, index in enumerate(indices):
        assert torch.equal(together[number], normal(seed, [index], "noise", (3,))[0])


@given(INDEX, INDEX)
def test_seed_counter_and_purpose_each_give_other_numbers(index: int, other: int) -> None:
    one = normal(1, [index], "noise", (8,))
    assert not torch.equal(one, normal(2, [index], "noise", (8,)))
    assert not torch.equal(one, normal(1, [index], "sigma", (8,)))
    if index != other:
        assert not torch.equal(one, normal(1, [other], "noise", (8,)))


def test_the_numbers_are_standard_normal_and_uniform() -> None:
    drawn = normal(0, range(2000), "noise", (20,)).double()
    assert abs(float(drawn.mean())) < 4 / 200
    assert abs(float(drawn.std()) - 1) < 0.02
    flat = uniform(0, range(4000), "drop")
    assert flat.min() >= 0
    assert flat.max() < 1
    assert abs(float(flat.mean()) - 0.5) < 4 * 0.29 / 63
