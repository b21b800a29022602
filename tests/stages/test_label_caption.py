"""Captions from labels: the same whatever the batching, and only from what is there."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from curation.errors import ItemError
from curation.stage import ClipSample
from stages.label_caption import LabelCaption
from stages.labels import label_words


def stage_of(**config: Any) -> LabelCaption:
    return LabelCaption(LabelCaption.Config(**config))


def clip(clip_id: str, caption: str | None = None, **manifest: Any) -> ClipSample:
    return ClipSample(clip_id, {"clip_id": clip_id}, values={"manifest": manifest, "caption_coca": caption})


def captions(stage: LabelCaption, *clips: ClipSample) -> list[str | None]:
    return [values["caption_label"] for values in stage.annotate(clips)]


labels = st.none() | st.text(max_size=12) | st.sampled_from(["ride_bike", "ApplyEyeMakeup", "playing {guitar}"])


@given(
    st.lists(st.tuples(st.uuids().map(str), labels, st.none() | st.text(max_size=20)), max_size=12),
    st.integers(1, 5),
)
def test_batching_changes_nothing(rows: list[tuple[str, str | None, str | None]], size: int) -> None:
    stage = stage_of(caption_column="caption_coca")
    clips = [clip(clip_id, caption, label=label) for clip_id, label, caption in rows]
    together = captions(stage, *clips)
    in_batches = [
        text for start in range(0, len(clips), size) for text in captions(stage, *clips[start : start + size])
    ]
    backwards = captions(stage_of(caption_column="caption_coca"), *reversed(clips))[::-1]
    assert together == in_batches == backwards
    for one, text in zip(clips, together, strict=True):
        words = label_words(one.values["manifest"], "label")
        assert (text is None) == (words is None)
        assert words is None or words in str(text)


def test_templates_are_drawn_evenly_and_by_seed() -> None:
    clips = [clip(f"{number:032x}", label="yoga") for number in range(400)]
    texts = captions(stage_of(label_templates=["a {label}", "b {label}"]), *clips)
    assert 150 < texts.count("a yoga") < 250
    assert texts.count("a yoga") + texts.count("b yoga") == 400
    assert texts != captions(stage_of(label_templates=["a {label}", "b {label}"], seed=1), *clips)


def test_the_frames_caption_is_used_where_it_is_named_and_there() -> None:
    config = {"templates": ["{caption} - {label}"], "label_templates": ["only {label}"]}
    clips = [
        clip("1", "a man on\n a mat.", label="doing_yoga"),
        clip("2", None, label="doing yoga"),
        clip("3", "a man"),
    ]
    with_captioner = stage_of(caption_column="caption_coca", **config)
    assert with_captioner.inputs() == ("manifest", "caption_coca")
    assert captions(with_captioner, *clips) == ["a man on a mat - doing yoga", "only doing yoga", None]
    assert stage_of(**config).inputs() == ("manifest",)
    assert captions(stage_of(**config), *clips) == ["only doing yoga", "only doing yoga", None]


def test_the_column_of_the_label_can_be_named() -> None:
    assert captions(stage_of(label="class", label_templates=["{label}"]), clip("1", **{"class": "Sky-Diving"})) == [
        "sky diving"
    ]


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("ApplyEyeMakeup", "apply eye makeup"),
        ("ride_bike", "ride bike"),
        ("TaiChi", "tai chi"),
        ("Bowling", "Bowling"),
        ("pushing [something] off", "pushing [something] off"),
        (" two\n words ", "two words"),
        ("__", None),
        ("", None),
        (None, None),
    ],
)
def test_labels_as_words(label: str | None, words: str | None) -> None:
    assert label_words({"label": label}, "label") == words


def test_a_number_is_no_label() -> None:
    bad, good = stage_of(label_templates=("{label}",)).annotate([clip("1", label=3), clip("2", label="cat")])
    assert isinstance(bad, ItemError)
    assert "the manifest's label is 3: a label must be a name, not a number" in str(bad)
    assert good == {"caption_label": "cat"}


@pytest.mark.parametrize(
    "config",
    [
        {"templates": ["{label}"]},
        {"templates": []},
        {"label_templates": ["{label} {caption}"]},
        {"label_templates": ["no field"]},
        {"label_templates": ["{label!r}"]},
        {"label_templates": ["{label.__class__}"]},
        {"label_templates": ["{label"]},
        {"label_templates": ["{0}"]},
    ],
)
def test_wrong_templates(config: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"must hold|at least 1|brace"):
        LabelCaption.Config(**config)
