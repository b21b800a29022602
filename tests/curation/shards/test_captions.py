"""Captions are drawn by weight among those that a clip has."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest

from curation.errors import UserError
from curation.shards.captions import PAPER_WEIGHTS, choose_caption, default_weights, parse_weights

SAMPLE = {"caption_coca": "coca", "caption_videoblip": "blip", "caption_llm": "llm", "caption_weights": PAPER_WEIGHTS}


def shares(sample: dict[str, object], weights: dict[str, float] | None = None) -> dict[str, float]:
    rng = random.Random(0)
    drawn = Counter(choose_caption(sample, rng, weights) for _ in range(4000))
    return {caption: count / 4000 for caption, count in drawn.items()}


def test_the_mix_of_the_paper() -> None:
    assert shares(SAMPLE) == pytest.approx({"coca": 0.5, "blip": 0.25, "llm": 0.25}, abs=0.03)


def test_the_share_of_a_missing_caption_goes_to_the_others() -> None:
    assert shares({**SAMPLE, "caption_llm": None}) == pytest.approx({"coca": 2 / 3, "blip": 1 / 3}, abs=0.03)
    assert shares({**SAMPLE, "caption_coca": ""}) == pytest.approx({"llm": 0.5, "blip": 0.5}, abs=0.03)


def test_weights_of_the_reader_come_first() -> None:
    assert shares(SAMPLE, {"caption_llm": 1.0, "caption_coca": 0.0}) == {"llm": 1.0}
    assert shares(SAMPLE, {"caption_vlm": 1.0}) == {"": 1.0}


def test_a_sample_without_captions() -> None:
    assert shares({"caption_weights": {}}) == {"": 1.0}
    assert shares({}) == {"": 1.0}


def test_one_number_is_drawn_whatever_there_is_and_numpy_does_too() -> None:
    for sample in (SAMPLE, {}):
        one, other = random.Random(3), random.Random(3)
        choose_caption(sample, one)
        other.random()
        assert one.random() == other.random()
    assert choose_caption(SAMPLE, np.random.default_rng(0)) in ("coca", "blip", "llm")


def test_default_weights() -> None:
    assert default_weights(["caption_llm", "caption_vlm", "caption_coca"]) == {"caption_coca": 0.5, "caption_llm": 0.25}
    assert default_weights(["caption_vlm", "caption_label"]) == {"caption_label": 1.0, "caption_vlm": 1.0}
    assert default_weights([]) == {}


def test_weights_as_they_are_written() -> None:
    assert parse_weights("caption_a=0.5, caption_b=2", ["caption_a", "caption_b"]) == {"caption_a": 0.5, "caption_b": 2}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("caption_coco=1", 'no caption "caption_coco"; did you mean "caption_coca"'),
        ("caption_coca", "write it as"),
        ("caption_coca=much", "write it as"),
        ("caption_coca=-1", "write it as"),
        ("caption_coca=nan", "write it as"),
        ("", "no caption"),
    ],
)
def test_weights_that_are_none(text: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        parse_weights(text, ["caption_coca"])
