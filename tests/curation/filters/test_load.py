"""From YAML to rules: inheritance, overrides, and every mistake with its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given

from curation.config import load_config
from curation.errors import UserError
from curation.filters import Filter, filter_of, load_filter
from tests.curation.filters.strategies import rules

BASE = """\
filters:
  base:
    description: of the base
    rules:
      - motion_score: {drop_lowest: 25%}
      - text_area: {max: 0.07}
      - sql: width > 1
        name: wide
      - sql: height > 1
"""


def loaded(tmp_path: Path, text: str, name: str, *overrides: str) -> Filter:
    (tmp_path / "f.yaml").write_text(text)
    return load_filter(load_config(tmp_path / "f.yaml"), name, overrides)


def mistakes(tmp_path: Path, text: str, name: str, *overrides: str) -> list[str]:
    with pytest.raises(UserError) as caught:
        loaded(tmp_path, text, name, *overrides)
    return [line.removeprefix(f"{tmp_path}/") for line in str(caught.value).splitlines()]


def test_rules_keep_their_order_and_say_what_they_are(tmp_path: Path) -> None:
    text = """\
filters:
  f:
    rules:
      - motion_score: {min: 1, max: 2.5, drop_lowest: 12.5 %, within: [label, source]}
      - label: {in: [cat, 3, true], nulls: keep}
      - has_audio: {is: false}
      - sql: a > 1 and
             b > 2
"""
    assert [rule.label for rule in loaded(tmp_path, text, "f").rules] == [
        "motion_score: min 1, max 2.5, drop_lowest 12.5%, within [label, source]",
        "label: in [cat, 3, true], nulls keep",
        "has_audio: is false",
        "a > 1 and b > 2",
    ]


def test_a_rule_over_an_inherited_column_replaces_it_in_its_place(tmp_path: Path) -> None:
    child = """\
  child:
    extends: base
    rules:
      - bytes: {min: 1}
      - text_area: {max: 0.01}
      - text_area: {drop_highest: 5%}
      - sql: width > 2
        name: wide
      - motion_score: null
"""
    found = loaded(tmp_path, BASE + child, "child")
    assert [rule.to_dict() for rule in found.rules] == [
        {"text_area": {"max": 0.01}},
        {"text_area": {"drop_highest": "5%"}},
        {"sql": "width > 2", "name": "wide"},
        {"sql": "height > 1"},
        {"bytes": {"min": 1}},
    ]
    assert found.description is None
    assert found.rules[0].place(("max",)) == f"{tmp_path}/f.yaml:14"


def test_overrides_change_add_and_remove(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        BASE,
        "base",
        "motion_score.drop_lowest=50%",
        "text_area=null",
        "a.b.in=[x]",
        "motion_score.nulls=keep",
    )
    assert [rule.to_dict() for rule in found.rules] == [
        {"motion_score": {"drop_lowest": "50%", "nulls": "keep"}},
        {"sql": "width > 1", "name": "wide"},
        {"sql": "height > 1"},
        {"a.b": {"in": ["x"]}},
    ]
    assert found.description == "of the base"


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("x: {drop_lowst: 25%}", 'f.x.drop_lowst: unknown key; did you mean "drop_lowest"?'),
        ("x: {inn: [a]}", 'f.x.inn: unknown key; did you mean "in"?'),
        (
            "x: {drop_lowest: 0.25}",
            "f.x.drop_lowest: should be a percentage with at most six decimals, such as 25% or 12.5%",
        ),
        ("x: {drop_highest: 100%}", "f.x.drop_highest: should be less than 100%"),
        (
            "x: {drop_lowest: -5%}",
            "f.x.drop_lowest: should be a percentage with at most six decimals, such as 25% or 12.5%",
        ),
        ("x: {drop_lowest: 60%, drop_highest: 40%}", "f.x: drop_lowest and drop_highest together drop all clips"),
        ("x: {min: 5, max: 3}", "f.x: min 5 is more than max 3: no clip could be kept"),
        ("x: {min: yes}", "f.x.min: should be a finite number, not true"),
        ("x: {max: .inf}", "f.x.max: should be a finite number, not Infinity"),
        ("x: {max: nan}", "f.x.max: should be a finite number, not NaN"),
        ("x: {min: low}", 'f.x.min: should be a finite number, not "low"'),
        ("x: {min: 3, within: source}", "f.x: within needs drop_lowest or drop_highest beside it"),
        ("x: {not_null: true, nulls: keep}", "f.x: not_null: true and nulls: keep contradict each other"),
        ("x: {not_null: false}", "f.x.not_null: should be True, not false"),
        ("x: {nulls: skip}", "f.x.nulls: should be 'drop' or 'keep', not \"skip\""),
        ("x: {in: []}", "f.x.in: should have 1 or more items"),
        (
            "x: {in: [2024-01-01]}",
            'f.x.in.0: should be a finite number, true or false, or a text (in quotes), not "2024-01-01"',
        ),
        ("x: {matches: '('}", "f.x.matches: is no regular expression of RE2: missing ): ("),
        ("x: 5", "f.x: should be a mapping, not 5"),
        ("x: null", "f.x: null takes an inherited rule away, and there is none"),
        ("{sql: a > 1, nam: b}", 'f.nam: unknown key; did you mean "name"?'),
        ("{sql: 3}", "f.sql: should be a valid string, not 3"),
    ],
)
def test_a_mistake_is_one_line_with_file_line_and_key(tmp_path: Path, rule: str, message: str) -> None:
    text = f"filters:\n  f:\n    rules:\n      - y: {{min: 1}}\n      - {rule}\n"
    assert mistakes(tmp_path, text, "f") == [f"f.yaml:5: {message}"]


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = "filters:\n  f:\n    rules:\n      - x: {mn: 1}\n      - y: {min: 1, drop_lowest: 3}\n"
    assert [line.split(": ")[0] for line in mistakes(tmp_path, text, "f")] == ["f.yaml:4", "f.yaml:5"]


def test_what_is_no_rule_is_told(tmp_path: Path) -> None:
    for rule in ("motion_score", "{a: {min: 1}, b: {min: 1}}", "[]"):
        (line,) = mistakes(tmp_path, f"filters:\n  f:\n    rules:\n    - {rule}\n", "f")
        assert line.startswith("f.yaml:4: f.rules.0: a rule is one column with what is kept below it, such as ")


@pytest.mark.parametrize("value", ["1e-3", "'1e-3'", "0.001"])
def test_numbers_that_yaml_takes_for_text_are_numbers(tmp_path: Path, value: str) -> None:
    (rule,) = loaded(tmp_path, f"filters: {{f: {{rules: [x: {{min: {value}}}]}}}}", "f").rules
    assert rule.to_dict() == {"x": {"min": 0.001}}


def test_circles_and_unknown_names(tmp_path: Path) -> None:
    text = "filters:\n  one:\n    extends: two\n  two:\n    extends: one\n  far:\n    extends: twoo\n"
    assert mistakes(tmp_path, text, "one") == [
        "f.yaml:5: two.extends: filters extend each other in a circle: one → two → one"
    ]
    assert mistakes(tmp_path, text, "far") == ['f.yaml:7: far.extends: no filter "twoo"; did you mean "two"?']
    assert mistakes(tmp_path, text, "on") == ['f.yaml: no filter "on"; did you mean "one"?']


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", ".hidden", "", "x" * 1_000_000, "é", "a\n"])
def test_a_name_that_can_be_no_file_is_refused(tmp_path: Path, name: str) -> None:
    (line,) = mistakes(tmp_path, BASE, name)
    assert line.endswith('a filter\'s name is up to 100 letters, digits, ".", "_" and "-", no sign first')
    assert len(line) < 200


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("motion_score", "--set motion_score: write it as column.key=value, such as motion_score.drop_lowest=50%"),
        ("motion_score=3", "--set motion_score=3: write it as column.key=value, such as motion_score.drop_lowest=50%"),
        (
            "motion_score.drop_lowest=200%",
            "--set motion_score.drop_lowest: base.motion_score.drop_lowest: should be less than 100%",
        ),
        ("motion_score.mn=2", '--set motion_score.mn: base.motion_score.mn: unknown key; did you mean "min"?'),
    ],
)
def test_mistakes_of_overrides(tmp_path: Path, override: str, message: str) -> None:
    assert mistakes(tmp_path, BASE, "base", override) == [message]


@given(rules())
def test_a_filter_as_it_is_written_out_is_the_same_filter(written: list[dict[str, object]]) -> None:
    first = filter_of("f", {"rules": written})
    assert filter_of("f", first.to_dict()) == first
