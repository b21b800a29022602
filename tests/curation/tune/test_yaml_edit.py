"""A filter is written into a file, and everything else in it stays as it is."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.config.file import default_config_path
from curation.errors import UserError
from curation.filters import filter_of
from curation.tune.yaml_edit import with_filter

INSTALLED = default_config_path().read_text()
COLUMNS = ["motion_score", "text_area", "aesthetic_score", "clip_similarity", "duration_s", "caption_llm"]


def _edit(text: str, name: str, *rules: dict[str, Any], description: str | None = None) -> str:
    described = {"description": description} if description else {}
    return with_filter(text, filter_of(name, {**described, "rules": list(rules)}), "file.yaml")


def _own_line_comments(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.lstrip().startswith("#")]


RULES = st.lists(
    st.sampled_from(COLUMNS).flatmap(
        lambda column: st.sampled_from(
            [
                {column: {"drop_lowest": "25%"}},
                {column: {"max": 0.07}},
                {column: {"not_null": True}},
                {column: {"in": ["a: b", "# c", "yes"]}},
                {"sql": f"{column} > 1\nand {column} < 2", "name": column},
                {"sql": "least(width, height) >= 720", "name": "short side of at least 720"},
            ]
        )
    ),
    max_size=5,
)


@settings(max_examples=25)
@given(
    st.sampled_from(["quickstart", "lvd-f", "finetune", "mine", "1", "null", "1e3", "a.b-c_d"]),
    RULES,
    st.sampled_from([None, "calm", "with: a colon # and a sign", "two\nlines"]),
)
def test_only_that_filter_changes(name: str, rules: list[dict[str, Any]], description: str | None) -> None:
    edited = _edit(INSTALLED, name, *rules, description=description)
    before, after = yaml.safe_load(INSTALLED), yaml.safe_load(edited)
    described = {"description": description} if description else {}
    assert filter_of(name, after["filters"].pop(name)) == filter_of(name, {**described, "rules": rules})
    before["filters"].pop(name, None)
    assert after == before
    assert list(after["filters"]) == list(before["filters"])
    kept = iter(_own_line_comments(edited))
    assert all(comment in kept for comment in _own_line_comments(INSTALLED))  # all of them, in their order
    head, _, tail = INSTALLED.partition("filters:\n")
    assert edited.startswith(head)
    assert edited.endswith(tail[tail.index("\n# Training") :])


def test_a_new_filter_stands_behind_the_others() -> None:
    text = "filters:\n    a:\n        rules: []\n    # - commented out\n\n# the end\n"
    edited = _edit(text, "b", {"x": {"min": 1}})
    assert edited == (
        "filters:\n    a:\n        rules: []\n    # - commented out\n\n"
        "    b:\n      rules:\n        - x: {min: 1}\n\n# the end\n"
    )


@pytest.mark.parametrize(
    ("text", "edited"),
    [
        ("", "filters:\n  b:\n    rules: []\n"),
        ("# mine\n", "# mine\n\nfilters:\n  b:\n    rules: []\n"),
        ("recipes: {}", "recipes: {}\n\nfilters:\n  b:\n    rules: []\n"),
        ("filters: {} # none\nrecipes: {}\n", "filters:  # none\n  b:\n    rules: []\nrecipes: {}\n"),
        ("filters:\nrecipes: {}\n", "filters:\n  b:\n    rules: []\nrecipes: {}\n"),
        (
            "filters:\r\n  a: # x\r\n    rules: []\r\n",
            "filters:\r\n  a: # x\r\n    rules: []\r\n\r\n  b:\r\n    rules: []\r\n",
        ),
    ],
)
def test_files_without_filters(text: str, edited: str) -> None:
    assert _edit(text, "b") == edited


def test_what_a_rule_is_told_about_stays_with_it() -> None:
    text = (
        "filters:\n  a:\n    extends: lvd-f # the paper's\n    description: old\n    rules:\n"
        "    # still ones\n    - motion_score: {drop_lowest: 25%}   # a quarter\n"
        "    - sql: >-\n        a\n        > 1\n\n    # text\n    - text_area: {max: 1e-3} # small\n    # last\n"
    )
    edited = _edit(
        text,
        "a",
        {"text_area": {"max": 0.001}},
        {"motion_score": {"drop_lowest": "30%"}},
        {"sql": "a > 1"},
        {"duration_s": {"min": 2}},
        description="new",
    )
    assert edited == (
        "filters:\n  a:\n    description: new\n    rules:\n"
        "    # still ones\n\n    # text\n    - text_area: {max: 1e-3} # small\n"
        "    - motion_score: {drop_lowest: 30%} # a quarter\n"
        "    - sql: >-\n        a\n        > 1\n    - duration_s: {min: 2}\n    # last\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "filters: {a: {rules: [{x: {min: 1}}]}} # all of them\nrecipes: {} # none\n",
        "# head\n---\nfilters:\n  a: &a {rules: []} # one\n  c: *a\nrecipes: {} # none\n...\n",
        '{"filters": {"a": {"rules": []}}, "recipes": {}} # JSON\n',
    ],
)
def test_other_layouts_keep_their_comments_too(text: str) -> None:
    edited = _edit(text, "b", {"x": {"max": 2}})
    assert yaml.safe_load(edited)["filters"] == {
        **yaml.safe_load(text)["filters"],
        "b": {"rules": [{"x": {"max": 2}}]},
    }
    for comment in ("# all of them", "# none", "# head", "# one", "# JSON"):
        assert (comment in edited) == (comment in text)


def test_a_filter_that_others_refer_to_is_left_alone() -> None:
    """The anchor stands in the filter that would be replaced."""
    text = "filters:\n  a:\n    rules: &r\n      - x: {min: 1}\n  c:\n    rules: *r\n"
    try:
        edited = _edit(text, "a", {"x": {"max": 2}})
    except UserError:
        return
    assert yaml.safe_load(edited)["filters"]["c"] == {"rules": [{"x": {"min": 1}}]}


@pytest.mark.parametrize("text", ["filters: [\n", "- a\n", "filters: 3\n"])
def test_files_that_are_wrong(text: str) -> None:
    with pytest.raises(UserError, match=r"file\.yaml"):
        _edit(text, "a")


MIXED = (
    "# ours\r\nfilters:\n  calm:\r\n    rules:\n      - motion_score: {max: 3} # not too fast\r\n"
    "      - text_area: {max: 0.07}\n  other:\r\n    rules:\r\n      - width: {min: 1}\n# the end\r\n\nrecipes: {}"
)


def test_every_line_that_stays_keeps_its_own_end() -> None:
    edited = _edit(MIXED, "calm", {"motion_score": {"max": 3}}, {"text_area": {"max": 0.05}})
    assert edited == MIXED.replace("0.07}\n", "0.05}\r\n")  # a new line ends as most do
    added = _edit(MIXED, "third", {"width": {"min": 2}})
    new = "\r\n  third:\r\n    rules:\r\n      - width: {min: 2}\r\n"
    assert added == MIXED.replace("- width: {min: 1}\n", "- width: {min: 1}\n" + new)
