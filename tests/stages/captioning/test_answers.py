"""Answers of language models: what is a caption, what is talk around it, what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.captioning.answers import LONGEST_ANSWER, clean, judge

CAPTION = "A man in a red jacket rides a bicycle down a wet street while cars pass."

VOCABULARY = """
    a the man woman rabbit bicycle red green rides walks down street under tree camera pans slowly
    note caption text here sure description sorry this is of
"""
WORDS = st.sampled_from(VOCABULARY.split())
SUBJECTS = st.sampled_from(
    ["A man", "Two women", "The camera", "Cars", "An old dog", "Sure-footed goats", "Great tits"]
)
CAPTIONS = st.builds(lambda subject, words: " ".join([subject, *words]) + ".", SUBJECTS, st.lists(WORDS, max_size=30))
OPENINGS = st.sampled_from(
    [
        "",
        "Sure! ",
        "Sure, here is the merged caption:\n\n",
        "Certainly! Here's a single caption that merges both:\n",
        "Here’s the combined description of the clip: ",
        "Here is one possible caption: ",
        "Merged caption: ",
        "**Merged Caption:** ",
        "Caption: ",
        "The merged caption is: ",
        "A single caption for the clip could be: ",
        "<think>\nThe captions say as an AI, I cannot…\n</think>\n\n",
        "Okay. Final answer: ",
    ]
)
CLOSINGS = st.sampled_from(
    [
        "",
        "\n\nNote: I left out the colour of the car.",
        "\n\nThis caption combines both descriptions into one.",
        "\n(Note that the captions contradict each other.)",
        "\n\nLet me know if you would like another version!\nI am here to help.",
        "\n\nI hope this helps!",
    ]
)
QUOTES = st.sampled_from([("", ""), ('"', '"'), ("“", "”"), ("**", "**"), ("'", "'"), ('**"', '"**')])


@given(CAPTIONS)
def test_a_caption_stays_as_it_is(caption: str) -> None:
    verdict = judge(caption, max_words=40)
    assert (verdict.caption, verdict.fault) == (caption, None)


@given(CAPTIONS, OPENINGS, CLOSINGS, QUOTES)
def test_talk_around_the_caption_goes(caption: str, opening: str, closing: str, quotes: tuple[str, str]) -> None:
    verdict = judge(f"{opening}{quotes[0]}{caption}{quotes[1]}{closing}", max_words=40)
    assert (verdict.caption, verdict.fault) == (caption, None)


@given(st.text(max_size=300) | st.lists(OPENINGS | CAPTIONS | CLOSINGS | st.text(max_size=5), max_size=6).map("".join))
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    assert "\n" not in once


@given(st.text(), st.booleans(), st.booleans(), st.integers(1, 20))
def test_every_answer_has_one_verdict(text: str, finished: bool, refused: bool, max_words: int) -> None:
    verdict = judge(text, finished=finished, refused=refused, max_words=max_words)
    if verdict.fault is None:
        assert finished
        assert not refused
        assert any(character.isalnum() for character in verdict.caption)
        assert len(verdict.caption.split()) <= max_words
    if refused:
        assert verdict.fault == "refusal"


@pytest.mark.parametrize(
    "text",
    [
        "I cannot merge these captions.",
        "I can’t help with that.",
        "I'm sorry, but I can't assist with that request.",
        "Sorry, I am unable to do this.",
        "I apologize, but I cannot write a caption for this content.",
        "Unfortunately, I don't have enough information.",
        "As an AI language model, I do not see videos.",
        "A man rides. However, as an AI, I cannot be sure.",
        "I'm not able to view the video.",
        "I need more information to merge the captions.",
        "Please provide the captions you would like me to merge.",
        "Could you please share the second caption?",
        "There are no captions given.",
        "It seems like you haven't given me a caption.",
        "Sure! I'm sorry, but I cannot do that.",
        "<think>Hm.</think>I won't describe this.",
    ],
)
def test_refusals(text: str) -> None:
    assert judge(text, max_words=50).fault == "refusal"


@pytest.mark.parametrize(
    "text",
    [
        "As an airplane lands, smoke rises from its wheels.",
        "Sorry-looking houses stand by the road.",
        "There are no people in the street.",
        "A person says I cannot believe it on a sign.",
        "Please is written on a sign above the door.",
        "A sign reads: open all day.",
    ],
)
def test_captions_that_look_like_refusals(text: str) -> None:
    assert judge(text, max_words=50).fault is None


@pytest.mark.parametrize("text", ["", "  \n", '""', "...", "Caption:", "Sure!", "<think>A man, I think", "**"])
def test_empty_answers(text: str) -> None:
    assert judge(text, max_words=50).fault == "empty"


def test_run_on_answers() -> None:
    assert judge(CAPTION, finished=False, max_words=50).fault == "run_on"
    assert judge(CAPTION, max_words=15).fault == "run_on"
    assert judge(CAPTION, max_words=16).fault is None
    assert judge("\n" * LONGEST_ANSWER + CAPTION, max_words=10**9).fault == "run_on"
