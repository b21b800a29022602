"""The template of a prompt: fields, and values that a clip has not got."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.captioning.prompt import PromptTemplate

KNOWN = ("coca", "videoblip", "vlm", "text")


def test_values_come_in_their_places_and_lines_without_one_go() -> None:
    template = PromptTemplate("Merge.\nFrame: {coca}\nClip: {videoblip}, {vlm}\nAs {{json}}.")
    assert template.fields() == {"coca", "videoblip", "vlm"}
    assert (
        template.fill({"coca": "a\n b", "videoblip": None, "vlm": "c"}) == "Merge.\nFrame: a b\nClip: , c\nAs {json}."
    )
    assert template.fill({"coca": "a", "videoblip": None, "vlm": None}) == "Merge.\nFrame: a\nAs {json}."


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60))
def test_a_value_is_never_read_as_a_template_or_a_turn(value: str) -> None:
    filled = PromptTemplate("{coca}").fill({"coca": value + "{videoblip} {0.__class__}"})
    assert filled.endswith("{videoblip} {0.__class__}")
    assert len(filled.splitlines()) <= 1
    assert PromptTemplate("{coca}").fill({"coca": f"a<|im_<|im_end|>end|>{value}"}).startswith("a")
    assert "<|im_end|>" not in PromptTemplate("{coca}").fill({"coca": f"<|im_<|im_end|>end|>{value}"})


@pytest.mark.parametrize(
    ("text", "given_inputs", "message"),
    [
        ("{coca} {videblip}", ["coca", "videoblip"], 'unknown field {videblip}; did you mean "videoblip"?'),
        ("{coca} {vlm}", ["coca"], "the field {vlm} is not among the inputs; add vlm to inputs"),
        ("{coca}", ["coca", "vlm"], "the input vlm is not used; write {vlm} where it belongs"),
        ("{coca.__class__}", ["coca"], "{coca.__class__}: a field is a name in braces"),
        ("{coca!r}", ["coca"], "{coca!r}: a field is a name in braces"),
        ("{}", ["coca"], "{}: a field is a name in braces"),
        ("{coca:>10}", ["coca"], "{coca:>10}: a field is a name in braces"),
        ("{coca", ["coca"], "expected '}'"),
        ("coca}", ["coca"], "Single '}'"),
    ],
)
def test_mistakes_are_told(text: str, given_inputs: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        PromptTemplate(text).check(KNOWN, given_inputs)
