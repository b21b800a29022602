"""A threshold as a value and as a percentile keeps the same clips."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from curation.errors import UserError
from curation.filters import ClipTable, ColumnRule, Filter, evaluate, resolve
from curation.filters.spec import ColumnSpec
from curation.tune.convert import to_percentiles, to_values

NUMBERS = st.floats(width=32, allow_nan=False, allow_infinity=False)
KINDS = {"double": pa.float64(), "single": pa.float32(), "whole": pa.int64()}


@st.composite
def columns(draw: st.DrawFn, *, distinct: bool = False) -> tuple[ClipTable, list[float]]:
    kind = draw(st.sampled_from(list(KINDS)))
    numbers = st.integers(-50, 50) if kind == "whole" else NUMBERS
    values = draw(st.lists(numbers, min_size=1, max_size=40, unique=distinct))
    nulls = [None] * draw(st.integers(0, 3))
    ids = [f"{index:03d}" for index in range(len(values) + len(nulls))]
    column = pa.array([*values, *nulls], KINDS[kind])
    return ClipTable.of(pa.table({"clip_id": ids, "duration_s": [1.0] * len(ids), "score": column})), values


def _kept(table: ClipTable, spec: dict[str, Any]) -> Any:
    rule = ColumnRule("score", ColumnSpec.model_validate(spec))
    return evaluate(resolve(Filter("x", (rule,)), table), table).kept


@settings(max_examples=40)
@given(columns(), st.integers(0, 99), st.integers(0, 99), st.sampled_from(["drop", "keep"]))
def test_percentiles_as_values(column: tuple[ClipTable, list[float]], lowest: int, highest: int, nulls: str) -> None:
    table, _ = column
    assume(lowest + highest < 100 and lowest + highest > 0)
    spec: dict[str, Any] = {} if nulls == "drop" else {"nulls": nulls}
    spec |= {"drop_lowest": f"{lowest}%"} if lowest else {}
    spec |= {"drop_highest": f"{highest}%"} if highest else {}
    assume(_kept(table, spec)[: len(column[1])].any())
    converted = to_values(table, "score", spec)
    assert not converted.keys() & {"drop_lowest", "drop_highest"}
    np.testing.assert_array_equal(_kept(table, converted), _kept(table, spec))


@settings(max_examples=40)
@given(columns(distinct=True), st.data())
def test_values_as_percentiles(column: tuple[ClipTable, list[float]], data: st.DataObject) -> None:
    table, values = column
    low, high = sorted([data.draw(st.sampled_from(values)), data.draw(st.sampled_from(values))])
    spec = data.draw(st.sampled_from([{"min": low}, {"max": high}, {"min": low, "max": high}]))
    try:
        converted = to_percentiles(table, "score", spec)
    except UserError:
        return
    np.testing.assert_array_equal(_kept(table, converted), _kept(table, spec))


def test_the_shortest_numbers_are_taken() -> None:
    values = [0.1, 0.8299382, 0.8412345, 0.9, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    ids = [f"{index:03d}" for index in range(10)]
    table = ClipTable.of(pa.table({"clip_id": ids, "duration_s": [1.0] * 10, "score": values}))
    assert to_values(table, "score", {"drop_lowest": "20%"}) == {"min": 0.84}
    assert to_values(table, "score", {"drop_highest": "10%", "nulls": "keep"}) == {"max": 7.0, "nulls": "keep"}
    assert to_percentiles(table, "score", {"min": 0.83, "max": 6.5}) == {"drop_lowest": "20%", "drop_highest": "20%"}
    assert to_percentiles(table, "score", {"min": 0}) == {"not_null": True}


def test_percentiles_within_groups_are_no_one_value() -> None:
    ids = ["a", "b"]
    table = ClipTable.of(pa.table({"clip_id": ids, "duration_s": [1.0] * 2, "score": [1.0, 2.0], "label": ids}))
    with pytest.raises(UserError, match="within"):
        to_values(table, "score", {"drop_lowest": "20%", "within": "label"})
