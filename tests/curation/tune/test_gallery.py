"""The clips next to a threshold are the nearest ones, and no others."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import UserError
from curation.filters import ClipTable
from curation.tune.draft import read_draft
from curation.tune.gallery import around_threshold, sample, threshold
from curation.tune.judge import Judge

SCORES = st.lists(st.none() | st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]) | st.floats(0, 1), min_size=1, max_size=40)


def _table(scores: list[float | None]) -> ClipTable:
    size = len(scores)
    columns = {
        "clip_id": [f"{index:04d}" for index in range(size)],
        "duration_s": [1.0] * size,
        "score": pa.array(scores, pa.float64()),
        "other": [float(index % 3) for index in range(size)],
        "label": ["cat" if index % 2 else "dog" for index in range(size)],
    }
    return ClipTable.of(pa.table(columns))


@given(
    SCORES, st.floats(0, 1), st.sampled_from(["low", "high"]), st.sampled_from(["kept", "dropped"]), st.integers(1, 6)
)
def test_the_nearest_first(scores: list[float | None], bound: float, side: str, fate: str, limit: int) -> None:
    table = _table(scores)
    key = "min" if side == "low" else "max"
    written = [{"other": {"min": 1}}, {"score": {key: bound}}]
    verdict = Judge(table).verdict(read_draft(written, table).applied)
    near = [
        (abs(score - bound), row)
        for row, score in enumerate(scores)
        if score is not None
        and row % 3 >= 1
        and ((score >= bound if side == "low" else score <= bound) == (fate == "kept"))
    ]
    expected = [row for _, row in sorted(near)]
    for offset in (0, limit):
        found = around_threshold(table, verdict, 1, side, fate, limit=limit, offset=offset)  # type: ignore[arg-type]
        assert found.tolist() == expected[offset : offset + limit]


def test_a_threshold_for_each_group() -> None:
    table = _table([0.1, 10, 0.2, 20, 0.3, 30, 0.4, 40])
    written = [{"score": {"drop_lowest": "50%", "within": "label", "min": 0.25}}]
    verdict = Judge(table).verdict(read_draft(written, table).applied)
    np.testing.assert_array_equal(threshold(verdict.rules[0], "low"), [0.3, 30] * 4)
    dropped = around_threshold(table, verdict, 0, "low", "dropped", limit=8)
    assert dropped.tolist() == [2, 0, 3, 1]


def test_rules_without_a_threshold_there() -> None:
    table = _table([0.1, 0.2])
    written = [{"score": {"min": 0.15}}, {"label": {"in": ["cat"]}}, {"sql": "score > 0"}]
    verdict = Judge(table).verdict(read_draft(written, table).applied)
    for index, side in ((0, "high"), (1, "low"), (2, "low")):
        with pytest.raises(UserError, match="has no threshold"):
            around_threshold(table, verdict, index, side, "kept", limit=1)  # type: ignore[arg-type]


def test_samples_are_the_same_for_the_same_seed() -> None:
    chosen = np.arange(1000) % 2 == 0
    first = sample(chosen, seed=1, limit=10)
    assert first.tolist() == sample(chosen, seed=1, limit=10).tolist()
    assert first.tolist() != sample(chosen, seed=2, limit=10).tolist()
    assert chosen[first].all()
    assert len(set(first.tolist())) == 10
    assert sorted(sample(chosen[:6], seed=3, limit=10).tolist()) == [0, 2, 4]
