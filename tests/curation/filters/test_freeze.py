"""A frozen filter has numbers only, can be read again, and keeps the same clips of the same table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml
from hypothesis import given, settings

from curation.config import load_config
from curation.errors import UserError
from curation.filters import ClipTable, check_filter, evaluate, filter_of, freeze, load_filter, resolve, to_yaml
from tests.curation.filters.strategies import rules, tables


@settings(max_examples=60)
@given(tables(least=1), rules())
def test_the_same_clips_are_kept(clips: pa.Table, written: list[dict[str, Any]]) -> None:
    table = ClipTable.of(clips)
    resolved = resolve(check_filter(filter_of("f", {"rules": written}), table.columns, "").filter, table)
    text = to_yaml(freeze(resolved, table))
    assert "drop_" not in str(
        [rule.keys() for item in yaml.safe_load(text)["filters"]["f"]["rules"] for rule in [item]]
    )
    again = filter_of("f", yaml.safe_load(text)["filters"]["f"])
    frozen = resolve(check_filter(again, table.columns, "").filter, table)
    assert all(rule.percentiles is None for rule in frozen.rules)
    assert np.array_equal(evaluate(frozen, table).kept, evaluate(resolved, table).kept)


def test_it_is_a_config_file_that_can_be_read(tmp_path: Path) -> None:
    clips = pa.table(
        {"clip_id": ["a", "b", "c", "d"], "duration_s": [1.0] * 4, "score": pa.array([1, 2, 3, 4], pa.float32())}
    )
    table = ClipTable.of(clips)
    written = {"description": "mine", "rules": [{"score": {"drop_lowest": "25%", "max": 9, "nulls": "keep"}}]}
    (tmp_path / "frozen.yaml").write_text(to_yaml(freeze(resolve(filter_of("f", written), table), table)))
    frozen = load_filter(load_config(tmp_path / "frozen.yaml"), "f")
    assert frozen.to_dict() == {"description": "mine", "rules": [{"score": {"min": 2.0, "max": 9, "nulls": "keep"}}]}


def test_a_group_that_the_next_dataset_alone_has_gets_the_bound_of_all() -> None:
    columns = {"score": [1.0, 2.0, 10.0, 20.0], "label": ["it's", "it's", None, None]}
    table = ClipTable.of(pa.table({"clip_id": list("abcd"), "duration_s": [1.0] * 4, **columns}))
    written = {"rules": [{"score": {"drop_lowest": "50%", "within": "label"}}]}
    frozen = freeze(resolve(filter_of("f", written), table), table)
    later = {"score": [1.9, 2.0, 19.0, 20.0, 9.0, 10.0], "label": ["it's", "it's", None, None, "new", "new"]}
    other = ClipTable.of(pa.table({"clip_id": list("abcdef"), "duration_s": [1.0] * 6, **later}))
    checked = check_filter(frozen, other.columns, "")
    assert evaluate(resolve(checked.filter, other), other).kept.tolist() == [False, True, False, True, False, True]


@pytest.mark.parametrize("values", [[1.0, 1 + 2**-50, 1 + 2**-49, 2.0], [2**53, 2**53 + 1, 2**53 + 2, 2**54]])
def test_bounds_of_groups_are_numbers_to_the_last_digit(values: list[float]) -> None:
    clips = pa.table({"clip_id": list("abcd"), "duration_s": [1.0] * 4, "score": values, "label": ["x"] * 4})
    table = ClipTable.of(clips)
    written = filter_of("f", {"rules": [{"score": {"drop_lowest": "50%", "within": "label"}}]})
    frozen = check_filter(freeze(resolve(written, table), table), table.columns, "").filter
    assert evaluate(resolve(frozen, table), table).kept.tolist() == [False, False, True, True]


def test_too_many_groups_are_told() -> None:
    ids = [f"{index:04d}" for index in range(1001)]
    table = ClipTable.of(pa.table({"clip_id": ids, "duration_s": [1.0] * 1001, "score": range(1001)}))
    written = {"rules": [{"score": {"drop_lowest": "50%", "within": "clip_id"}}]}
    with pytest.raises(UserError, match="has 1001 groups, and at most 1000 can be frozen; leave within out"):
        freeze(resolve(filter_of("f", written), table), table)
