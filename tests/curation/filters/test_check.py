"""Filters against the columns of a dataset: what is missing or does not fit is told before anything is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from curation.config import default_config_path, load_config
from curation.dataset.wide import Column
from curation.errors import UserError
from curation.filters import Checked, check_filter, load_filter
from curation.registry import registered_stages
from curation.stage import columns_written

KNOWN = {
    name: Column(name, kind, table, name)
    for name, kind, table in [
        ("clip_id", pa.string(), "clips"),
        ("width", pa.int32(), "clips"),
        ("height", pa.int32(), "clips"),
        ("duration_s", pa.float64(), "clips"),
        ("verified", pa.bool_(), "clips"),
        ("source", pa.string(), "clips"),
        ("motion_score", pa.float32(), "annotations/optical_flow"),
        ("text", pa.string(), "annotations/text_detection"),
        ("clip_embedding", pa.list_(pa.float32()), "annotations/clip_scores"),
        ("Strange name", pa.float32(), "videos"),
        ("taken", pa.timestamp("s"), "videos"),
    ]
}


def checked(tmp_path: Path, *rules: str, **options: Any) -> Checked:
    lines = "".join(f"      - {rule}\n" for rule in rules)
    (tmp_path / "f.yaml").write_text(f"filters:\n  f:\n    rules:\n{lines}")
    return check_filter(load_filter(load_config(tmp_path / "f.yaml"), "f"), KNOWN, "data set", **options)


def mistakes(tmp_path: Path, *rules: str, **options: Any) -> list[str]:
    with pytest.raises(UserError) as caught:
        checked(tmp_path, *rules, **options)
    return [line.removeprefix(f"{tmp_path}/") for line in str(caught.value).splitlines()]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("motion_scor: {min: 1}", 'f.motion_scor: no such column; did you mean "motion_score"?'),
        ("qqq: {min: 1}", "f.qqq: no such column; to see all columns: curation stats 'data set'"),
        (
            "aesthetic_score: {min: 1}",
            "f.aesthetic_score: no stage has written it in data set; compute it with: "
            "curation annotate 'data set' --stage clip_scores (or leave such rules out with --skip-missing)",
        ),
        ("aesthetic_scores: {min: 1}", 'f.aesthetic_scores: no such column; did you mean "aesthetic_score"?'),
        (
            "text: {min: 1}",
            "f.text.min: needs numbers, and text holds text; there use in, not_in, matches, not_null or sql",
        ),
        (
            "motion_score: {matches: a}",
            "f.motion_score.matches: needs text, and motion_score holds numbers; "
            "there use min, max, drop_lowest, drop_highest, in, not_in, not_null or sql",
        ),
        (
            "verified: {min: 1}",
            "f.verified.min: needs numbers, and verified holds truth values; there use is, not_null or sql",
        ),
        (
            "width: {is: true}",
            "f.width.is: needs truth values, and width holds numbers; "
            "there use min, max, drop_lowest, drop_highest, in, not_in, not_null or sql",
        ),
        (
            "clip_embedding: {min: 1}",
            "f.clip_embedding.min: needs numbers, and clip_embedding holds list<item: float>; "
            "there use not_null or sql",
        ),
        ("taken: {max: 1}", "f.taken.max: needs numbers, and taken holds timestamp[s]; there use not_null or sql"),
        (
            "source: {in: [a, 3]}",
            "f.source.in: 3 is no text, and source holds text; there use in, not_in, matches, not_null or sql",
        ),
        (
            "width: {not_in: [true]}",
            "f.width.not_in: true is no number, and width holds numbers; "
            "there use min, max, drop_lowest, drop_highest, in, not_in, not_null or sql",
        ),
        (
            "motion_score: {drop_lowest: 5%, within: sorce}",
            'f.motion_score.within: sorce: no such column; did you mean "source"?',
        ),
        (
            "motion_score: {drop_lowest: 5%, within: clip_embedding}",
            "f.motion_score.within: clip_embedding holds lists; clips cannot be grouped by it",
        ),
        ("sql: motion_scor > 1", 'f.sql: motion_scor: no such column; did you mean "motion_score"?'),
        ("sql: motion_score >", 'f.sql: syntax error at or near ">"'),
        ("sql: motion_score", "f.sql: should be true or false for each clip, and is a value of type FLOAT"),
        ("sql: nofunction(width)", "f.sql: Scalar Function with name nofunction does not exist!"),
        ("sql: avg(width) > 1", "f.sql: WHERE clause cannot contain aggregates!"),
        ("sql: width > (SELECT 1)", "f.sql: no query can stand in a rule; it looks at one clip at a time"),
        ("sql: EXISTS (FROM clips)", "f.sql: no query can stand in a rule; it looks at one clip at a time"),
        (
            "sql: row_number() OVER () > 1",
            "f.sql: a rule looks at one clip at a time; for percentiles use drop_lowest or drop_highest",
        ),
        (
            "sql: random() > 0.5",
            "f.sql: random() gives other values each time; a filter must give the same clips again",
        ),
        (
            "sql: NOW() > '2020-01-01'",
            "f.sql: now() gives other values each time; a filter must give the same clips again",
        ),
        (
            "sql: ago(INTERVAL 1 YEAR) < taken",
            "f.sql: ago() gives other values each time; a filter must give the same clips again",
        ),
        (
            "sql: current_localtimestamp() > taken",
            "f.sql: current_localtimestamp() gives other values each time; a filter must give the same clips again",
        ),
        (
            "sql: pg_sleep(9) IS NULL",
            "f.sql: pg_sleep() gives other values each time; a filter must give the same clips again",
        ),
        ("sql: age(taken) < INTERVAL 1 YEAR", "f.sql: age() of one time counts up to today; give it two"),
        ("sql: COLUMNS(*) > 1", "f.sql: name the columns instead of *"),
        ("sql: width > ?", "f.sql: a rule has no parameters (?, $1)"),
    ],
)
def test_what_does_not_fit_is_one_line_with_file_line_and_key(tmp_path: Path, rule: str, message: str) -> None:
    assert mistakes(tmp_path, "width: {min: 1}", rule) == [f"f.yaml:5: {message}"]


@pytest.mark.parametrize(
    "expression",
    [
        "width > 1); DROP TABLE clips; --",
        "width > 1) FROM clips WHERE (true",
        "width > 1) UNION SELECT (true",
        "width > 1, height > 1",
        "true) OR (true",
        "read_text('/etc/passwd') IS NULL",
        "getenv('HOME') = ''",
        "(FROM read_csv('/etc/passwd')) IS NULL",
        "ATTACH 'x.db'",
        "SET enable_external_access = true",
        "current_setting('home_directory') = ''",
        "getvariable('x') IS NULL",
        "width > 1 AS kept",
        "",
        "-- nothing",
    ],
)
def test_only_an_expression_over_one_clip_is_let_through(tmp_path: Path, expression: str) -> None:
    quoted = expression.replace("'", "''")
    (line,) = mistakes(tmp_path, f"sql: '{quoted}'")
    assert line.startswith("f.yaml:4: f.sql: ")


def test_columns_that_are_read_are_told_once(tmp_path: Path) -> None:
    expression = 'clips.HEIGHT > 1 AND "strange name" > 2 AND list_sum(list_transform([width], lambda x: x)) > 1 -- why'
    found = checked(
        tmp_path,
        "motion_score: {drop_lowest: 5%, within: [source, width]}",
        f"sql: {json.dumps(expression)}",
        "motion_score: {not_null: true}",
    )
    assert found.columns == ("source", "width", "motion_score", "height", "Strange name")


def test_rules_over_columns_that_no_stage_wrote_can_be_left_out(tmp_path: Path) -> None:
    rules = ("motion_score: {min: 1}", "aesthetic_score: {min: 1}", "sql: caption_llm IS NOT NULL AND width > 1")
    assert len(mistakes(tmp_path, *rules)) == 2
    found = checked(tmp_path, *rules, skip_missing=True)
    assert [rule.label for rule in found.filter.rules] == ["motion_score: min 1"]
    assert found.skipped == (
        "aesthetic_score: min 1 (no aesthetic_score in data set)",
        "caption_llm IS NOT NULL AND width > 1 (no caption_llm in data set)",
    )


def test_a_slip_of_the_pen_is_never_left_out(tmp_path: Path) -> None:
    (line,) = mistakes(tmp_path, "motion_scor: {min: 1}", "aesthetic_score: {min: 1}", skip_missing=True)
    assert line == 'f.yaml:4: f.motion_scor: no such column; did you mean "motion_score"?'


@pytest.mark.parametrize("name", list(load_config(default_config_path()).filters))
def test_a_shipped_filter_fits_what_the_shipped_stages_write(name: str) -> None:
    written = {
        column: Column(column, kind, f"annotations/{stage}", column)
        for stage, writer in registered_stages().items()
        for column, kind in columns_written(writer).items()
    }
    found = check_filter(load_filter(load_config(default_config_path()), name), {**KNOWN, **written}, "dataset")
    assert found.skipped == ()


def test_a_column_of_a_stage_over_the_whole_dataset_is_told_with_its_command(tmp_path: Path) -> None:
    (line,) = mistakes(tmp_path, "is_duplicate: {is: false}")
    assert "compute it with: curation annotate 'data set' --stage dedup" in line
    found = checked(tmp_path, "is_duplicate: {is: false}", skip_missing=True)
    assert found.skipped == ("is_duplicate: is false (no is_duplicate in data set)",)


def test_lvd_f_is_the_paper() -> None:
    found = load_filter(load_config(default_config_path()), "lvd-f")
    assert [rule.to_dict() for rule in found.rules] == [
        {"motion_score": {"drop_lowest": "25%"}},
        {"text_area": {"max": 0.07}},
        {"aesthetic_score": {"drop_lowest": "25%"}},
        {"clip_similarity": {"drop_lowest": "50%"}},
    ]
