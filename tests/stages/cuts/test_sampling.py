"""Sampling by time stamps, at regular and irregular frame rates."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from stages.cuts.sampling import PtsSampler

STEPS = st.lists(st.integers(1, 5000), min_size=1, max_size=200)


@given(
    STEPS,
    st.sampled_from([0.5, 2.0, 8.0, 12.5]),
    st.sampled_from([Fraction(1, 90000), Fraction(1, 1000), Fraction(1001, 24000)]),
)
def test_one_frame_in_each_interval_that_has_one(steps: list[int], rate: float, time_base: Fraction) -> None:
    pts = [sum(steps[:n]) for n in range(len(steps) + 1)]
    sampler = PtsSampler(rate, time_base)
    taken = [one for one in pts if sampler.takes(one)]
    intervals = {int(one * time_base * Fraction(rate)) for one in pts}
    assert [int(one * time_base * Fraction(rate)) for one in taken] == sorted(intervals)
    first = {}
    for one in pts:
        first.setdefault(int(one * time_base * Fraction(rate)), one)
    assert taken == list(first.values())


@given(STEPS)
def test_native_takes_all(steps: list[int]) -> None:
    sampler = PtsSampler(None, Fraction(1, 1000))
    assert all(sampler.takes(pts) for pts in steps)


def test_first_frame_need_not_be_at_zero() -> None:
    sampler = PtsSampler(2, Fraction(1, 100))
    assert [pts for pts in range(1007, 1200, 10) if sampler.takes(pts)] == [1007, 1057, 1107, 1157]
