from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.config.document import parse
from curation.errors import UserError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(max_examples=60)
@given(VALUES)
def test_reads_what_yaml_reads(value: Any) -> None:
    text = yaml.safe_dump(value, allow_unicode=True)
    assert parse(text, "f").data == yaml.safe_load(text)


def test_lines_of_keys_and_items() -> None:
    document = parse("# x\na:\n  b: 1\n\n  c:\n  - {d: 2}\n  -\n    e: [3,\n      4]\n", "f.yaml")
    assert document.data == {"a": {"b": 1, "c": [{"d": 2}, {"e": [3, 4]}]}}
    assert document.place(("a",)) == "f.yaml:2"
    assert document.place(("a", "b")) == "f.yaml:3"
    assert document.place(("a", "c", 0, "d")) == "f.yaml:6"
    assert document.place(("a", "c", 1, "e")) == "f.yaml:8"
    assert document.place(("a", "c", 1, "e", 1)) == "f.yaml:9"
    assert document.place(("a", "c", 0, "unknown")) == "f.yaml:6", "the nearest around it"
    assert document.place(("unknown",)) == "f.yaml"


def test_anchors_and_merge_keys() -> None:
    text = "x: &x {a: 1, b: 2}\ny: &y {b: 3}\nz: {<<: [*y, *x], c: 4}\nw: {<<: *x, a: 9}\n"
    assert parse(text, "f").data == yaml.safe_load(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", 'f:3: "a" stands here twice, first in line 1'),
        ("a: {b: 1,\n  b: 2}\n", 'f:2: "b" stands here twice, first in line 1'),
        ("a:\n\tb: 1\n", "f:2: not valid YAML: found character '\\t' that cannot start any token (indent with spaces)"),
        ("a: [1\n", "f:2: not valid YAML: expected ',' or ']', but got '<stream end>'"),
        ("a: 1\n---\nb: 2\n", "f:2: not valid YAML: but found another document"),
        ("a: *b\n", "f:1: not valid YAML: found undefined alias 'b'"),
        ("a: 1\non: 2\n", "f:2: a key must be text; put it in quotes"),
        ("? [a]\n: 1\n", "f:1: a key must be text; put it in quotes"),
        (
            "a: !!python/object/apply:os.system ['true']\n",
            "f:1: the tag tag:yaml.org,2002:python/object/apply:os.system is not supported here",
        ),
        ("a: !mine b\n", "f:1: not valid YAML: could not determine a constructor for the tag '!mine'"),
        ("a: 2024-13-45\n", "f:1: 2024-13-45: month must be in 1..12; put it in quotes if it is text"),
        ("a: &a [*a]\n", "f:1: nested too deeply"),
        ("<<: 3\n", "f:1: << must name a mapping, or a list of mappings"),
        ("[" * 600, "f: nested too deeply"),
        (
            "a: \x07\n",
            "f:1: not valid YAML: the character 0x0007 is not allowed",
        ),
    ],
)
def test_malformed_texts(text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(text, "f")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "link", ["*{}, *{}, *{}, *{}, *{}, *{}, *{}, *{}", "{{<<: [*{}, *{}, *{}, *{}, *{}, *{}, *{}, *{}]}}"]
)
def test_aliases_multiplied_out_are_bounded(link: str) -> None:
    lines = ["a0: &a0 {x: 1}"]
    for level in range(1, 12):
        inner = link.replace("{}", f"a{level - 1}").replace("{{", "{").replace("}}", "}")
        lines.append(f"a{level}: &a{level} {inner if inner.startswith('{') else f'[{inner}]'}")
    with pytest.raises(UserError, match="more than 100000 values"):
        parse("\n".join(lines), "f")
