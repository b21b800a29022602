"""Motion scores as bucket numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.diffusion.errors import DiffusionError
from models.diffusion.motion_buckets import MotionBuckets

SCORES = st.lists(st.floats(0, 1e6, allow_subnormal=False), min_size=1, max_size=60)


def test_buckets_hold_equal_shares() -> None:
    scores = np.random.default_rng(0).lognormal(size=10_000)
    found = MotionBuckets.of(scores, 8).bucket(torch.from_numpy(scores))
    assert torch.bincount(found.long()).tolist() == [1250] * 8


@given(SCORES, st.integers(2, 12))
def test_more_motion_is_never_a_lower_bucket_and_equal_motion_the_same(scores: list[float], count: int) -> None:
    buckets = MotionBuckets.of(scores, count)
    found = buckets.bucket(torch.tensor(sorted(scores), dtype=torch.float64))
    assert torch.equal(found, found.sort().values)
    assert found.min() >= 0
    assert found.max() < buckets.count == count


def test_unknown_scores_have_no_part_in_the_edges_and_no_bucket() -> None:
    buckets = MotionBuckets.of([1.0, math.nan, 2.0, 3.0, 4.0], 2)
    assert buckets == MotionBuckets.of([1.0, 2.0, 3.0, 4.0], 2)
    found = buckets.bucket(torch.tensor([2.0, math.nan, 2.1]))
    assert found[[0, 2]].tolist() == [0, 1]
    assert found[1].isnan()


def test_without_any_score_it_says_what_to_do() -> None:
    with pytest.raises(DiffusionError, match="annotate the dataset with optical_flow"):
        MotionBuckets.of([math.nan, math.nan], 4)
