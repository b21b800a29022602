"""The order of samples: every clip once an epoch, from any place the same."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.diffusion.data.order import Order

SIZES = st.lists(st.integers(1, 40), min_size=1, max_size=4)


def order(sizes: list[int], group: int, seed: int = 0) -> Order:
    return Order(sizes, [f"bucket {number}" for number in range(len(sizes))], group, seed)


def seen(one: Order, start: int, count: int) -> list[tuple[int, int]]:
    """Bucket and clip of these samples, asked for one by one."""
    found = []
    for sample in range(start, start + count):
        bucket, places = one.samples(sample, 1)
        found.append((bucket, int(places[0])))
    return found


@given(sizes=SIZES, group=st.integers(1, 12), seed=st.integers(0, 5), epochs=st.integers(1, 3))
def test_after_an_epoch_each_clip_was_seen_once_more(sizes: list[int], group: int, seed: int, epochs: int) -> None:
    one = order(sizes, group, seed)
    counts = Counter(seen(one, 0, one.groups_before(epochs) * group))
    for bucket, size in enumerate(sizes):
        times = [counts[bucket, clip] for clip in range(size)]
        extra = -(-epochs * size // group) * group - epochs * size
        assert min(times) >= epochs
        assert sum(times) == epochs * size + extra  # no more than what fills up the last group
        assert max(times) - min(times) <= 1


@given(sizes=SIZES, group=st.integers(1, 12), start=st.integers(0, 300), data=st.data())
def test_a_place_of_the_order_does_not_depend_on_how_one_came_there(
    sizes: list[int], group: int, start: int, data: st.DataObject
) -> None:
    one = order(sizes, group)
    count = data.draw(st.integers(1, group - start % group))
    bucket, places = one.samples(start, count)
    assert [(bucket, int(place)) for place in places] == seen(order(sizes, group), 0, start + count)[start:]


def test_a_group_is_of_one_bucket() -> None:
    one = order([50, 30], 8)
    for group in range(20):
        assert len({bucket for bucket, _ in seen(one, 8 * group, 8)}) == 1
    with pytest.raises(ValueError, match="more than one group"):
        one.samples(6, 4)


def test_buckets_take_turns_by_their_sizes() -> None:
    one = order([3000, 1000], 10)
    buckets = [one.group(group)[0] for group in range(400)]
    assert buckets.count(1) == 100
    for start in range(0, 400, 100):
        assert 12 <= buckets[start : start + 100].count(1) <= 38


def test_each_epoch_and_each_seed_has_an_order_of_its_own() -> None:
    one = order([64], 8)
    first, second = seen(one, 0, 64), seen(one, 64, 64)
    assert sorted(first) == sorted(second)
    assert first != second
    assert first != seen(order([64], 8, seed=1), 0, 64)


def test_far_ahead_is_as_near_as_the_start() -> None:
    one = order([10**9, 10**8], 1536)
    bucket, places = one.samples(1536 * 10**9, 1536)
    assert len(np.unique(places)) == 1536
    assert one.epoch(10**9) == 1536 * 10**9 // (10**9 + 10**8)
    assert bucket in (0, 1)
