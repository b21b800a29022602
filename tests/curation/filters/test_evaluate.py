"""The engine against a loop over rows in Python, on random tables and random rules."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings

from curation.config import load_config
from curation.errors import UserError
from curation.filters import ClipTable, Verdicts, check_filter, evaluate, filter_of, funnel, load_filter, resolve
from tests.curation.filters import plain
from tests.curation.filters.strategies import rules, tables


def judged(clips: pa.Table, written: list[dict[str, Any]]) -> tuple[ClipTable, Verdicts]:
    table = ClipTable.of(clips)
    checked = check_filter(filter_of("random", {"rules": written}), table.columns, "here")
    return table, evaluate(resolve(checked.filter, table), table)


@settings(max_examples=150)
@given(tables(), rules())
def test_the_engine_says_what_a_loop_over_rows_says(clips: pa.Table, written: list[dict[str, Any]]) -> None:
    rows = clips.sort_by("clip_id").to_pylist()
    expected = plain.verdicts(written, rows)
    _, found = judged(clips, written)
    says = [
        ["null" if verdict.null[row] else "drop" if verdict.dropped[row] else "keep" for verdict in found.rules]
        for row in range(len(rows))
    ]
    assert says == expected
    assert found.kept.tolist() == [all(one == "keep" for one in row) for row in expected]
    assert found.first.tolist() == [
        next((index for index, one in enumerate(row) if one != "keep"), -1) for row in expected
    ]


@settings(max_examples=50)
@given(tables(), rules())
def test_the_funnel_counts_what_each_rule_drops(clips: pa.Table, written: list[dict[str, Any]]) -> None:
    rows = clips.sort_by("clip_id").to_pylist()
    expected = plain.verdicts(written, rows)
    table, verdicts = judged(clips, written)
    found = funnel(verdicts, table.seconds)

    def amount(chosen: list[bool]) -> tuple[int, float]:
        lengths = [row["duration_s"] for row, wanted in zip(rows, chosen, strict=True) if wanted]
        return len(lengths), pytest.approx(sum(lengths))

    def told(part: Any) -> tuple[int, float]:
        return part.clips, part.seconds

    assert told(found.total) == amount([True] * len(rows))
    assert told(found.kept) == amount([set(row) <= {"keep"} for row in expected])
    for index, line in enumerate(found.rows):
        drops = [row[index] != "keep" for row in expected]
        before = [set(row[:index]) <= {"keep"} for row in expected]
        others = [set(row[:index] + row[index + 1 :]) <= {"keep"} for row in expected]
        assert told(line.alone) == amount(drops)
        assert told(line.here) == amount([a and b for a, b in zip(drops, before, strict=True)])
        assert told(line.only) == amount([a and b for a, b in zip(drops, others, strict=True)])
        assert told(line.left) == amount([b and not a for a, b in zip(drops, before, strict=True)])
        assert line.nulls == sum(row[index] == "null" for row in expected)


@pytest.mark.parametrize(
    ("kind", "value", "spec", "kept"),
    [
        (pa.float32(), 0.07, {"max": 0.07}, False),
        (pa.float32(), 0.07, {"min": 0.07}, True),
        (pa.float32(), 0.07, {"in": [0.07]}, False),
        (pa.float32(), 0.5, {"in": [0.5]}, True),
        (pa.float64(), 2.0**53, {"min": 2**53 + 1}, False),
        (pa.float64(), -(2.0**53), {"max": -(2**53) - 1}, False),
        (pa.float64(), 2.0**53, {"in": [2**53 + 1]}, False),
        (pa.int64(), 2**53 + 1, {"max": 2.0**53}, False),
        (pa.int64(), 2**53 + 1, {"min": 2**53 + 2}, False),
        (pa.int64(), 2, {"min": 2.5}, False),
        (pa.int64(), -2, {"max": -2.5}, False),
        (pa.int64(), 2, {"in": [2.0]}, True),
        (pa.uint8(), 255, {"min": -(2.0**80), "max": 2**80}, True),
        (pa.uint8(), 255, {"in": [-1, 2**80]}, False),
    ],
)
def test_numbers_are_compared_as_they_are_stored(kind: pa.DataType, value: Any, spec: Any, kept: bool) -> None:
    clips = pa.table({"clip_id": ["a"], "duration_s": [1.0], "value": pa.array([value], kind)})
    assert judged(clips, [{"value": spec}])[1].kept.tolist() == [kept]


def test_sql_that_fails_on_a_value_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text("filters:\n  f:\n    rules:\n      - sql: text::INTEGER > 1\n")
    table = ClipTable.of(pa.table({"clip_id": ["a", "b"], "duration_s": [1.0, 1.0], "text": ["2", "two"]}))
    checked = check_filter(load_filter(load_config(tmp_path / "f.yaml"), "f"), table.columns, "here")
    with pytest.raises(UserError) as caught:
        evaluate(resolve(checked.filter, table), table)
    assert str(caught.value).startswith(f"{tmp_path}/f.yaml:4: text::INTEGER > 1: Could not convert string 'two' to ")
    assert "\n" not in str(caught.value)


def test_threads_do_not_see_each_others_tables() -> None:
    def kept(number: int) -> list[bool]:
        values = list(range(number, number + 5))
        clips = pa.table({"clip_id": list("abcde"), "duration_s": [1.0] * 5, "value": values})
        _, verdicts = judged(clips, [{"sql": f"value > {number + 2}"}])
        return verdicts.kept.tolist()

    with ThreadPoolExecutor(4) as threads:
        assert set(map(tuple, threads.map(kept, range(40)))) == {(False, False, False, True, True)}
