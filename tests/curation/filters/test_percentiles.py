"""What exactly a percentile drops: the nearest number of clips, ties together, nulls on top, groups on their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.filters import ClipTable, evaluate, filter_of, resolve
from curation.filters.notes import notes


def table_of(**columns: Sequence[Any]) -> ClipTable:
    size = len(next(iter(columns.values())))
    ids = [f"{index:06d}" for index in range(size)]
    return ClipTable.of(pa.table({"clip_id": ids, "duration_s": [1.0] * size, **columns}))


def dropped(table: ClipTable, **spec: Any) -> list[int]:
    resolved = resolve(filter_of("f", {"rules": [{"score": spec}]}), table)
    return np.flatnonzero(evaluate(resolved, table).rules[0].dropped).tolist()


@given(
    st.integers(1, 300),
    st.decimals("0", "99.9", places=1),
    st.sampled_from(["drop_lowest", "drop_highest"]),
    st.randoms(),
)
def test_of_distinct_values_the_share_is_dropped_to_one_clip(size: int, percent: Any, key: str, random: Any) -> None:
    values = random.sample(range(10_000), size)
    gone = dropped(table_of(score=pa.array(values, pa.float32())), **{key: f"{percent}%"})
    assert abs(len(gone) - size * float(percent) / 100) <= 1
    tail = sorted(values, reverse=key == "drop_highest")[: len(gone)]
    assert sorted(values[index] for index in gone) == sorted(tail)


def test_a_quarter_is_a_quarter() -> None:
    score = np.random.default_rng(1).random(100_000)
    assert len(dropped(table_of(score=score), drop_lowest="25%")) == 25_000
    assert len(dropped(table_of(score=score), drop_highest="12.5%")) == 12_500
    assert len(dropped(table_of(score=score), drop_lowest="25%", drop_highest="25%")) == 50_000


def test_equal_values_share_one_fate_and_never_more_than_the_share_is_dropped() -> None:
    table = table_of(score=[0.0] * 6 + [1.0, 2.0, 3.0, 4.0])
    assert dropped(table, drop_lowest="25%") == []
    assert dropped(table, drop_lowest="70%") == [0, 1, 2, 3, 4, 5, 6]
    assert dropped(table, drop_highest="50%") == [6, 7, 8, 9]


def test_a_percentile_that_ties_undo_is_told() -> None:
    table = table_of(score=[0.0] * 60 + list(range(1, 41)))
    resolved = resolve(filter_of("f", {"rules": [{"score": {"drop_lowest": "25%"}}]}), table)
    assert notes(evaluate(resolved, table), table) == (
        "score: drop_lowest 25% drops 0.0% of the values: equal values stay together, and 60 clips have 0; "
        "min or max can tell what becomes of them",
    )
    fine = resolve(filter_of("f", {"rules": [{"score": {"drop_highest": "25%"}}]}), table)
    assert notes(evaluate(fine, table), table) == ()


def test_nulls_are_no_part_of_the_share() -> None:
    table = table_of(score=[None, 4.0, float("nan"), 3.0, 2.0, None, 1.0, float("inf")])
    assert dropped(table, drop_lowest="25%") == [0, 2, 5, 6, 7]
    assert dropped(table, drop_lowest="25%", nulls="keep") == [6]
    assert dropped(table_of(score=pa.nulls(3, pa.float32())), drop_lowest="25%") == [0, 1, 2]
    assert dropped(table_of(score=pa.nulls(3, pa.float32())), drop_lowest="25%", nulls="keep") == []


def test_a_column_of_nulls_is_told() -> None:
    table = table_of(score=pa.nulls(3, pa.float32()))
    resolved = resolve(filter_of("f", {"rules": [{"score": {"drop_lowest": "25%"}}]}), table)
    (note,) = notes(evaluate(resolved, table), table)
    assert note.startswith("score: drop_lowest 25%: every clip is dropped, because all of them have null here")


def test_each_group_has_its_own_percentile_and_null_is_a_group() -> None:
    label = ["a"] * 4 + ["b"] * 4 + [None] * 4
    score = [1, 2, 3, 4, 10, 20, 30, 40, 500, 400, 300, 200]
    assert dropped(table_of(score=score, label=label), drop_lowest="25%", within="label") == [0, 4, 11]
    assert dropped(table_of(score=score, label=label), drop_highest="25%", within=["label"]) == [3, 7, 8]


def test_groups_of_several_columns() -> None:
    columns = {"label": ["a", "a", "b", "b"] * 2, "wide": [True] * 4 + [False] * 4, "score": [1, 2, 3, 4, 5, 6, 7, 8]}
    assert dropped(table_of(**columns), drop_lowest="50%", within=["label", "wide"]) == [0, 2, 4, 6]


def test_a_group_never_goes_as_a_whole() -> None:
    table = table_of(score=[1, 2, 3], label=["a", "b", "c"])
    assert dropped(table, drop_lowest="90%", within="label") == []


def test_shares_of_groups_that_round_to_another_share_are_told() -> None:
    table = table_of(score=list(range(100)), label=[str(index) for index in range(100)])
    resolved = resolve(filter_of("f", {"rules": [{"score": {"drop_lowest": "25%", "within": "label"}}]}), table)
    (note,) = notes(evaluate(resolved, table), table)
    assert note.endswith("equal values stay together, and the shares of 100 groups are rounded each")


@pytest.mark.parametrize("kind", [pa.int8(), pa.int64(), pa.float32(), pa.float64(), pa.decimal128(21, 2)])
def test_all_kinds_of_numbers(kind: pa.DataType) -> None:
    score = pa.array([1, 2, 3, 4, None], pa.int64()).cast(kind)
    assert dropped(table_of(score=score), drop_lowest="50%", max=3) == [0, 1, 3, 4]
