"""Quantiles, histograms and rank correlation against NumPy and plain definitions."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from curation.filters import ClipTable
from curation.stats.correlation import rank_correlation
from curation.stats.distribution import QUANTILES, distribution, histogram

VALUES = st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=50)


@given(VALUES)
def test_every_value_is_in_one_bin(values: list[float]) -> None:
    ordered = np.sort(np.array(values, np.float32))
    found = histogram(ordered, bins=7)
    assert found.counts.sum() == len(values)
    assert len(found.edges) == len(found.counts) + 1
    inner = found.edges[1:-1]
    assert found.counts.tolist() == np.bincount(np.digitize(values, inner), minlength=len(inner) + 1).tolist()


@given(VALUES, st.integers(0, 3), st.integers(0, 3))
def test_quantiles_are_those_of_numpy(values: list[float], nulls: int, failed: int) -> None:
    found = distribution(np.sort(np.array(values)), nulls, failed)
    assert (found.count, found.nulls, found.failed) == (len(values), nulls, failed)
    assert (found.minimum, found.maximum) == (min(values), max(values))
    assert found.quantiles is not None
    np.testing.assert_allclose(found.quantiles, np.quantile(values, QUANTILES))


def test_a_far_value_does_not_squash_the_histogram() -> None:
    values = np.sort(np.concatenate([np.random.default_rng(0).random(10_000), [1e9]]))
    found = histogram(values)
    assert found.edges[-1] < 1.1
    assert found.counts.min() > 100


def test_no_values_at_all() -> None:
    found = distribution(np.array([], np.float32), 3, 1)
    assert (found.count, found.nulls, found.minimum, found.histogram) == (0, 3, None, None)


def table_of(**columns: list[float | None]) -> ClipTable:
    size = len(next(iter(columns.values())))
    return ClipTable.of(pa.table({"clip_id": [f"{i:04d}" for i in range(size)], "duration_s": [1.0] * size, **columns}))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=40))
def test_it_is_spearmans_correlation(pairs: list[tuple[int, int]]) -> None:
    """The correlation of ranks, equal values at the mean of their ranks."""
    first, second = (np.array(column, float) for column in zip(*pairs, strict=True))
    (_, found), _ = rank_correlation(table_of(a=first.tolist(), b=second.tolist()), ["a", "b"])
    ranks = [[((column < value).sum() + (column <= value).sum()) / 2 for value in column] for column in (first, second)]
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert np.isnan(found)
    else:
        np.testing.assert_allclose(found, np.corrcoef(*ranks)[0, 1], atol=1e-12)


def test_clips_without_one_of_the_values_are_left_out() -> None:
    table = table_of(a=[1, 2, 3, None, 5], b=[10, 20, None, 0, 50], c=[None, None, None, None, 1])
    found = rank_correlation(table, ["a", "b", "c"])
    assert found[0, 1] == 1
    assert np.isnan(found[0, 2])
