from __future__ import annotations

import pytest

from curation.config import check_pipeline, load_config, requirements, resolve_pipeline
from curation.errors import UserError
from tests.curation.config.conftest import BASE, STAGES, Write

NAMES = {"AllInOne": "all_in_one", "RankOfRank": "rank_of_rank"}


def stages(*names: str) -> str:
    lines = "".join(f'      - {NAMES.get(name, name.lower())}: {{use: "{STAGES}:{name}"}}\n' for name in names)
    return f"pipelines:\n  p:\n    stages:\n{lines}"


def test_a_sound_pipeline(write: Write) -> None:
    pipeline = resolve_pipeline(load_config(write(BASE)), "base")
    check_pipeline(pipeline)
    assert [(stage.name, requirement.name) for stage, requirement in requirements(pipeline)] == [("motion", "weights")]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((), 'the pipeline "p" has no stage that yields clips'),
        (
            ("Cutter", "Clipper", "AllInOne"),
            "pipelines.yaml:6: all_in_one: clips come from clipper already; remove one of",
        ),
        (("Cutter", "Hint"), 'the pipeline "p" has no stage that yields clips'),
        (("Clipper", "Cutter"), "pipelines.yaml:5: cutter: must stand before clipper, which yields the clips"),
        (("Cutter", "Hint", "Clipper"), "pipelines.yaml:5: hint: must stand after clipper, which yields the clips"),
        (("Clipper",), 'pipelines.yaml:4: clipper: nothing before it gives "transitions"; '),
        (
            ("Cutter", "Clipper", "Motion", "Hint"),
            'pipelines.yaml:6: motion: nothing before it gives "duration_hint"; hint gives it: put it before motion',
        ),
        (
            ("Cutter", "Clipper", "Motion"),
            'pipelines.yaml:6: motion: nothing before it gives "duration_hint"; no installed stage gives it',
        ),
        (
            ("Cutter", "Clipper", "Hint", "Rival"),
            'pipelines.yaml:7: rival: the column "duration_hint" is written by hint too',
        ),
        (
            ("Cutter", "Clipper", "Namesake"),
            'pipelines.yaml:6: namesake: the column "fps" is written by the table of clips too',
        ),
        (
            ("Cutter", "Rank", "Clipper"),
            "pipelines.yaml:5: rank: must stand after clipper, which yields the clips",
        ),
        (
            ("Cutter", "Clipper", "RankOfRank"),
            'pipelines.yaml:6: rank_of_rank: nothing before it gives "rank"; no installed stage gives it',
        ),
        (
            ("Cutter", "Clipper", "Looker"),
            'pipelines.yaml:6: looker: a stage that sees the whole dataset cannot read "frames"; let an annotator',
        ),
        (
            ("Cutter", "Clipper", "Hint", "Rank", "Reader"),
            'pipelines.yaml:8: reader: "rank" comes from rank, which sees the whole dataset when all clips',
        ),
    ],
)
def test_pipelines_that_cannot_run(write: Write, names: tuple[str, ...], expected: str) -> None:
    pipeline = resolve_pipeline(load_config(write(stages(*names))), "p")
    with pytest.raises(UserError) as caught:
        check_pipeline(pipeline)
    assert str(caught.value).startswith(expected)
    assert "\n" not in str(caught.value)


def test_one_splitter_may_do_it_all(write: Write) -> None:
    check_pipeline(resolve_pipeline(load_config(write(stages("AllInOne", "Hint", "Motion"))), "p"))


def test_stages_that_see_the_whole_dataset(write: Write) -> None:
    pipeline = resolve_pipeline(load_config(write(stages("Cutter", "Clipper", "Hint", "Rank", "RankOfRank"))), "p")
    check_pipeline(pipeline)
    assert [stage.name for stage in pipeline.dataset_annotators] == ["rank", "rank_of_rank"]
    assert [stage.name for stage in pipeline.annotators] == ["hint"]


def test_the_stage_that_gives_a_missing_input_is_named_from_all_that_are_installed(write: Write) -> None:
    pipeline = resolve_pipeline(load_config(write(stages("Cutter"))), "p")
    with pytest.raises(UserError, match="yields clips; add the stage clipping, which gives it"):
        check_pipeline(pipeline)


def test_what_a_stage_lacks_is_told(write: Write) -> None:
    pipeline = resolve_pipeline(load_config(write(BASE)), "base", ["motion.weights=w.pth"])
    with pytest.raises(UserError) as caught:
        check_pipeline(pipeline)
    assert str(caught.value) == "pipelines.yaml:10: motion: w.pth: no such file; download it"
