"""Inputs that parameters name, what manifests say, and stages that take still images."""

from __future__ import annotations

from typing import Any

import pytest

from curation.config import ResolvedPipeline, annotator_fingerprint, check_pipeline
from curation.errors import UserError
from tests.curation.config.conftest import STAGES

SPLITTERS: list[dict[str, Any]] = [{"name": "all_in_one", "use": f"{STAGES}:AllInOne"}]
HINT = {"name": "hint", "use": f"{STAGES}:Hint"}
STILLS = {"name": "pseudo_video", "use": "stages.pseudo_video:PseudoVideo"}


def caption(**config: Any) -> dict[str, Any]:
    return {"name": "label_caption", "use": "stages.label_caption:LabelCaption", "config": config}


def pipeline(*stages: dict[str, Any]) -> ResolvedPipeline:
    return ResolvedPipeline.from_dict({"name": "p", "stages": [{"config": {}, "run": {}, **stage} for stage in stages]})


def test_the_manifest_is_always_there() -> None:
    check_pipeline(pipeline(*SPLITTERS, caption()))


def test_a_column_that_a_parameter_names_must_be_given_by_an_earlier_stage() -> None:
    wanted = caption(caption_column="duration_hint")
    check_pipeline(pipeline(*SPLITTERS, HINT, wanted))
    with pytest.raises(UserError, match='nothing before it gives "duration_hint"; hint gives it: put it before'):
        check_pipeline(pipeline(*SPLITTERS, wanted, HINT))


def test_a_column_that_a_parameter_names_counts_for_the_fingerprint() -> None:
    def moved(wanted: dict[str, Any]) -> bool:
        other = {**HINT, "config": {"unit": "ms"}}
        before, after = (pipeline(*SPLITTERS, hint, wanted) for hint in (HINT, other))
        return annotator_fingerprint(before, "label_caption") != annotator_fingerprint(after, "label_caption")

    assert moved(caption(caption_column="duration_hint"))
    assert not moved(caption())


def test_images_are_made_videos_of_before_anything_else() -> None:
    good = pipeline(STILLS, *SPLITTERS)
    check_pipeline(good)
    assert good.opens == {"video", "image"}
    assert pipeline(*SPLITTERS).opens == {"video"}
    cutter = {"name": "cutter", "use": f"{STAGES}:Cutter"}
    with pytest.raises(UserError, match="pseudo_video: must stand before cutter, which takes videos only"):
        check_pipeline(pipeline(cutter, STILLS, *SPLITTERS))
