"""What follows a hand agrees with what `curation filter` says, whatever was asked before."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.errors import UserError
from curation.filters import ClipTable, Filter, Funnel, Rule, evaluate, funnel, resolve
from curation.tune import judge as judge_module
from curation.tune.draft import read_draft
from curation.tune.judge import Judge
from curation.tune.tally import Bars, Combinations
from tests.curation.filters.strategies import rules, tables


def _expected(applied: tuple[Rule, ...], table: ClipTable) -> Funnel:
    return funnel(evaluate(resolve(Filter("x", applied), table), table), table.seconds)


@settings(max_examples=12)
@given(tables(), st.lists(rules(), min_size=1, max_size=3))
def test_the_funnel_is_that_of_the_filter(clips: pa.Table, questions: list[list[dict[str, Any]]]) -> None:
    table = ClipTable.of(clips)
    judge = Judge(table)
    for question in [*questions, *reversed(questions)]:
        try:
            applied = read_draft(question, table).applied
            expected = _expected(applied, table)
        except UserError:
            continue  # SQL that fails on a value
        assert judge.funnel(applied) == expected
        verdict = judge.verdict(applied)
        kept = evaluate(resolve(Filter("x", applied), table), table).kept
        np.testing.assert_array_equal(verdict.kept, kept)


def test_more_rules_than_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge_module, "MOST_COUNTED", 2)
    table = _table(50)
    applied = read_draft([{"score": {"min": bound}} for bound in range(4)], table).applied
    assert Judge(table).funnel(applied) == _expected(applied, table)


def test_many_rules_have_many_bits() -> None:
    table = _table(100)
    written = [{"score": {"min": bound}} for bound in range(40)]
    verdict = Judge(table).verdict(read_draft(written, table).applied)
    assert verdict.codes.dtype == np.uint64
    np.testing.assert_array_equal(verdict.kept, table.numbers("score") >= 39)
    np.testing.assert_array_equal(verdict.only(39), table.numbers("score") == 38)


def test_old_verdicts_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge_module, "FEWEST_CACHED", 2)
    monkeypatch.setattr(judge_module, "CACHE_BYTES", 0)
    table = _table(50)
    judge = Judge(table)
    for bound in range(10):
        applied = read_draft([{"score": {"min": bound}}], table).applied
        assert judge.funnel(applied).kept.clips == 50 - bound
    assert len(judge._judged) == 2


@settings(max_examples=40)
@given(st.lists(st.lists(st.integers(0, 7), min_size=20, max_size=20), min_size=1, max_size=6))
def test_counting_what_moved_is_counting_all(steps: list[list[int]]) -> None:
    seconds = np.arange(20) * 0.1
    combinations = Combinations(seconds)
    for step in steps:
        codes = np.array(step, np.uint8)
        clips, lengths = combinations.count(codes, 8)
        np.testing.assert_array_equal(clips, np.bincount(codes, minlength=8))
        np.testing.assert_allclose(lengths, np.bincount(codes, seconds, 8), atol=1e-5)


@settings(max_examples=40)
@given(st.lists(st.lists(st.booleans(), min_size=30, max_size=30), min_size=1, max_size=6))
def test_bars_of_what_moved_are_bars_of_all(steps: list[list[bool]]) -> None:
    bins = (np.arange(30) % 7).astype(np.uint8)
    bars = Bars(bins, 7)
    for step in steps:
        chosen = np.array(step, np.bool_)
        np.testing.assert_array_equal(bars.count(chosen), np.bincount(bins[chosen], minlength=7))


def _table(size: int) -> ClipTable:
    ids = [f"{index:04d}" for index in range(size)]
    return ClipTable.of(pa.table({"clip_id": ids, "duration_s": [0.25] * size, "score": list(map(float, range(size)))}))
