"""Permutations whose elements are computed one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.diffusion.data import permutation
from models.diffusion.data.permutation import permuted


@given(size=st.integers(1, 3000), key=st.text(max_size=5), computed=st.booleans())
def test_every_element_comes_once(size: int, key: str, computed: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if computed:
            patch.setattr(permutation, "_LARGEST_DRAWN", 0)
        found = permuted(np.arange(size), size, key)
    assert sorted(found.tolist()) == list(range(size))


def test_one_element_is_the_one_of_the_whole() -> None:
    size = 100_000
    whole = permuted(np.arange(size), size, "a")
    assert sorted(whole.tolist()) == list(range(size))
    for place in (0, 1, 77_777, size - 1):
        assert permuted(np.array([place]), size, "a")[0] == whole[place]
    assert not np.array_equal(whole, permuted(np.arange(size), size, "b"))


def test_neighbours_are_torn_apart() -> None:
    """As in a drawn permutation: hardly any two neighbours stay neighbours, and places do not correlate."""
    size = 100_000
    found = permuted(np.arange(size), size, "a")
    assert (np.abs(np.diff(found)) == 1).sum() < 12  # 2 are to be expected
    assert abs(np.corrcoef(np.arange(size), found)[0, 1]) < 0.015
    low_bits = [(found[:-1] & 1 == found[1:] & 1).mean(), (found & 1 == np.arange(size) & 1).mean()]
    assert all(abs(share - 0.5) < 0.01 for share in low_bits)


def test_large_sizes_need_no_memory() -> None:
    found = permuted(np.array([0, 10**12 - 1]), 10**12, "a")
    assert all(0 <= one < 10**12 for one in found)
