"""The engine against a loop over rows in Python, on random tables and random rules."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings

from curation.filters import ClipTable, Verdicts, check_filter, evaluate, filter_of, funnel, resolve
from tests.curation.filters import plain
from tests.curation.filters.strategies import rules, tables


def judged(clips: pa.Table, written: list[dict[str, Any]]) -> tuple[ClipTable, Verdicts]:
    table = ClipTable.of(clips)
    checked = check_filter(filter_of("random", {"rules": written}), table.columns, "here")
    return table, evaluate(resolve(checked.filter, table), table)


@settings(max_examples=200)
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
