from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from curation.config import ResolvedPipeline, annotator_fingerprint, load_config, resolve_pipeline
from curation.errors import UserError
from tests.curation.config.conftest import BASE, STAGES, Write

CHILDREN = f"""\
  grandchild: {{extends: child, stages: [clipper: {{run: {{batch_size: 1}}}}]}}
  child:
    extends: base
    stages:
      - hint: null
      - clipper: {{mode: exact, run: {{num_gpus: 0.5}}}}
      - rival: {{use: "{STAGES}:Rival"}}
"""


def resolve(path: Path, name: str = "base", *overrides: str) -> ResolvedPipeline:
    return resolve_pipeline(load_config(path), name, overrides)


def values(pipeline: ResolvedPipeline, stage: str) -> dict[str, Any]:
    return pipeline.stage(stage).config.model_dump()


def message(path: Path, name: str = "base", *overrides: str) -> str:
    with pytest.raises(UserError) as caught:
        resolve(path, name, *overrides)
    return str(caught.value)


def test_stages_with_their_parameters_and_run_policy(write: Write) -> None:
    pipeline = resolve(write(BASE))
    assert [stage.name for stage in pipeline.stages] == ["cutter", "clipper", "hint", "motion"]
    assert [stage.name for stage in pipeline.splitters] == ["cutter", "clipper"]
    assert [stage.name for stage in pipeline.annotators] == ["hint", "motion"]
    assert values(pipeline, "clipper") == {"mode": "smart", "min_seconds": 1.0, "max_seconds": 20.0}
    clipper = pipeline.stage("clipper")
    assert (clipper.run.num_cpus, clipper.run.batch_size, clipper.run.concurrency) == (2, 4, "auto")
    assert clipper.place == "pipelines.yaml:5"


def test_a_child_merges_key_by_key_in_place_removes_and_appends(write: Write) -> None:
    text = BASE + CHILDREN
    child = resolve(write(text), "child")
    assert [stage.name for stage in child.stages] == ["cutter", "clipper", "motion", "rival"]
    assert values(child, "clipper") == {"mode": "exact", "min_seconds": 1.0, "max_seconds": 20.0}
    assert child.stage("clipper").run.model_dump() == {
        "concurrency": "auto", "num_cpus": 2, "num_gpus": 0.5, "batch_size": 4, "timeout_s": None,
    }  # fmt: skip
    grandchild = resolve(write(text), "grandchild")
    assert (grandchild.stage("clipper").run.batch_size, grandchild.stage("clipper").run.num_gpus) == (1, 0.5)
    assert values(resolve(write(text), "base"), "clipper")["mode"] == "smart", "the parent is as it was"


def test_overrides(write: Write) -> None:
    pipeline = resolve(
        write(BASE), "base", "motion.fps=0.5", "clipper.run.num_gpus=0.25", "cutter.rates=[native, 4]",
        "cutter.detector.threshold=1e-3", "motion.weights=a=b.pth", "motion.fps=8",
    )  # fmt: skip
    assert values(pipeline, "motion") == {"fps": 8.0, "weights": "a=b.pth"}
    assert pipeline.stage("clipper").run.num_gpus == 0.25
    assert pipeline.stage("clipper").run.batch_size == 4
    assert values(pipeline, "cutter") == {"rates": ("native", 4.0), "detector": {"threshold": 0.001}}


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("motion.fpss=3", '--set: motion.fpss: unknown key; did you mean "fps"?'),
        ("motion.zzz=3", "--set: motion.zzz: unknown key; known: fps, weights"),
        ("moton.fps=3", '--set moton.fps: the pipeline "base" has no stage "moton"; did you mean "motion"?'),
        ("motion.fps=fast", '--set: motion.fps: should be a valid number, not "fast"'),
        ("motion.fps=", "--set: motion.fps: should be a valid number, not null"),
        ("motion.fps=[", "--set motion.fps:1: not valid YAML: expected the node content, but found '<stream end>'"),
        ("motion.run.batch=3", '--set: motion.run.batch: unknown key; did you mean "batch_size"?'),
        ("motion.run=3", "--set: motion.run: should be a mapping, not 3"),
        ("clipper.mode=fast", "--set: clipper.mode: should be 'copy', 'smart' or 'exact', not \"fast\""),
        (
            "clipper.mode=exakt",
            "--set: clipper.mode: should be 'copy', 'smart' or 'exact', not \"exakt\"; did you mean \"exact\"?",
        ),
        ("clipper.min_seconds=-1", "--set: clipper.min_seconds: should be greater than 0, not -1"),
        (
            "clipper.run.concurrency=many",
            "--set: clipper.run.concurrency: should be a valid integer or 'auto', not \"many\"",
        ),
        ("cutter.detector.treshold=1", '--set: cutter.detector.treshold: unknown key; did you mean "threshold"?'),
        ("cutter.rates=[native, x]", "--set: cutter.rates.1: should be a valid number or 'native', not \"x\""),
        (
            "cutter.rates=[nativ]",
            '--set: cutter.rates.0: should be a valid number or \'native\', not "nativ"; did you mean "native"?',
        ),
        ("cutter.rates=[]", "--set: cutter.rates: should have 1 or more items"),
        ("cutter.rates=8", "--set: cutter.rates: should be a list, not 8"),
        (
            "clipper.run.concurrency=0",
            "--set: clipper.run.concurrency: should be greater than or equal to 1 or 'auto', not 0",
        ),
        ("clipper.max_seconds=0.5", "pipelines.yaml:5: clipper: min_seconds is larger than max_seconds"),
        ("motion.fps", "--set motion.fps: write it as stage.key=value, such as optical_flow.fps=4"),
        ("motion=3", "--set motion=3: write it as stage.key=value, such as optical_flow.fps=4"),
        ("motion..fps=3", "--set motion..fps=3: write it as stage.key=value, such as optical_flow.fps=4"),
    ],
)
def test_mistakes_in_overrides(write: Write, override: str, expected: str) -> None:
    assert message(write(BASE), "base", override) == expected


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        ("motion: {fpss: 3}", '15: motion.fpss: unknown key; did you mean "fps"?'),
        ("motion: {fps: [1]}", "15: motion.fps: should be a valid number, not [1]"),
        ("motion: {run: {num_gpus: -1}}", "15: motion.run.num_gpus: should be greater than or equal to 0, not -1"),
        ("motion: {use: 3}", '15: motion.use: should be "module:Class", not 3'),
        ("motion: {use: motion}", '15: motion.use: should be "module:Class", not "motion"'),
        ("optical_flw: {}", '15: optical_flw: unknown stage; did you mean "optical_flow"?'),
        (
            "gone: null",
            "15: gone: null removes an inherited stage, and there is none; "
            'for a stage without parameters write "gone: {}"',
        ),
        ("../x: {}", '15: "../x": a stage\'s name is letters, digits, "_" and "-", a letter first'),
        (
            "motion: {use: not_there.at_all:X}",
            "15: motion.use: cannot import \"not_there.at_all\": No module named 'not_there'; "
            "install its package, or add its folder to PYTHONPATH",
        ),
        (f"motion: {{use: {STAGES}:Moton}}", f'15: motion.use: "{STAGES}" has no "Moton"; did you mean "Motion"?'),
        (
            f"motion: {{use: {STAGES}:Hint}}",
            f"15: motion.use: the name of {STAGES}:Hint is not motion; write hint as the key",
        ),
        (
            f"motion: {{use: {STAGES}:NOT_A_STAGE}}",
            f"15: motion.use: {STAGES}:NOT_A_STAGE is not a Splitter, Annotator or DatasetAnnotator that "
            "can be made (curation.stage)",
        ),
        (
            f"unfinished: {{use: {STAGES}:Unfinished}}",
            f"15: unfinished.use: {STAGES}:Unfinished is not a Splitter, Annotator or DatasetAnnotator that "
            "can be made (curation.stage)",
        ),
    ],
)
def test_mistakes_in_stages(write: Write, stage: str, expected: str) -> None:
    text = BASE + f"  child:\n    extends: base\n    stages: [{{{stage}}}]\n"
    assert message(write(text), "child") == f"pipelines.yaml:{expected}"


def test_a_value_is_reported_where_it_was_written_last(write: Write) -> None:
    text = BASE.replace("fps: 4", "fps: fast") + "  child: {extends: base, stages: [{motion: {weights: x}}]}\n"
    assert message(write(text), "child") == 'pipelines.yaml:12: motion.fps: should be a valid number, not "fast"'


def test_every_mistake_has_a_line(write: Write) -> None:
    text = (
        BASE.replace("fps: 4", "fpss: 4")
        .replace("min_seconds: 1", "min_seconds: 0")
        .replace("num_cpus: 2", "num_cpu: 2")
    )
    assert message(write(text)).split("\n") == [
        "pipelines.yaml:7: clipper.min_seconds: should be greater than 0, not 0",
        'pipelines.yaml:8: clipper.run.num_cpu: unknown key; did you mean "num_cpus"?',
        'pipelines.yaml:12: motion.fpss: unknown key; did you mean "fps"?',
    ]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("bass", "", 'pipelines.yaml: no pipeline "bass"; did you mean "base"?'),
        (
            "a",
            "  a: {extends: bsae}\n",
            'pipelines.yaml:13: pipelines.a.extends: no pipeline "bsae"; did you mean "base"?',
        ),
        (
            "a",
            "  a: {extends: a}\n",
            "pipelines.yaml:13: pipelines.a.extends: pipelines extend each other in a circle: a → a",
        ),
        (
            "a",
            "  a: {extends: b}\n  b: {extends: c}\n  c: {extends: b}\n",
            "pipelines.yaml:15: pipelines.c.extends: pipelines extend each other in a circle: a → b → c → b",
        ),
        (
            "a",
            "  a: {stages: [{hint: {}}, {hint: {}}]}\n",
            'pipelines.yaml:13: "hint" stands twice in the pipeline "a"',
        ),
    ],
)
def test_mistakes_in_pipelines(write: Write, name: str, text: str, expected: str) -> None:
    assert message(write(BASE + text), name) == expected


def test_a_module_that_fails_when_it_is_imported(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("pipelines: {p: {stages: [{x: {use: 'broken_stage:X'}}]}}\n")
    Path("broken_stage.py").write_text("def f(:\n")
    monkeypatch.syspath_prepend(str(Path.cwd()))
    assert message(path, "p").startswith('pipelines.yaml:1: x.use: importing "broken_stage" fails with SyntaxError: ')


def test_to_json_and_back(write: Write) -> None:
    pipeline = resolve(write(BASE), "base", "motion.run.timeout_s=3", "cutter.detector.threshold=0.1")
    again = ResolvedPipeline.from_dict(json.loads(json.dumps(pipeline.to_dict())))
    assert again == pipeline
    assert again.to_dict() == pipeline.to_dict()


def test_a_description_that_this_version_does_not_understand(write: Write) -> None:
    description = resolve(write(BASE)).to_dict()
    description["stages"][3]["config"]["gone"] = 1
    with pytest.raises(UserError) as caught:
        ResolvedPipeline.from_dict(description, "ds/dataset.json")
    assert str(caught.value) == "ds/dataset.json: motion.gone: unknown key; known: fps, weights"


def test_a_stage_that_the_pipeline_lacks(write: Write) -> None:
    with pytest.raises(UserError, match='"base" has no stage "motions"; did you mean "motion"'):
        resolve(write(BASE)).stage("motions")


def test_what_a_stage_leaves_open_is_decided_by_the_stages_before_it(write: Write) -> None:
    rank = f'      - rank: {{use: "{STAGES}:Rank"}}\n'
    base = resolve(write(BASE + rank)).stage("rank")
    assert base.config.model_dump() == {"by": "speed"}
    assert base.inputs == ("speed",)
    without_motion = "  less:\n    extends: base\n    stages:\n      - motion: null\n"
    less = resolve(write(BASE + rank + without_motion), "less")
    assert less.stage("rank").config.model_dump() == {"by": "duration_hint"}
    assert less.stage("rank").to_dict()["config"] == {"by": "duration_hint"}
    chosen = resolve(write(BASE + rank), "base", "rank.by=duration_hint").stage("rank")
    assert chosen.config.model_dump() == {"by": "duration_hint"}
    added = resolve(write(BASE)).with_stage(replace(base, config=base.stage_class.Config()))
    assert added.stage("rank").config.model_dump() == {"by": "speed"}
    assert annotator_fingerprint(added, "rank") == annotator_fingerprint(resolve(write(BASE + rank)), "rank")
    assert annotator_fingerprint(added, "rank") != annotator_fingerprint(less, "rank")
