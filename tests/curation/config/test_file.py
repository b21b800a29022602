from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from curation.config import default_config_path, load_config, resolve_pipeline
from curation.errors import UserError
from tests.curation.config.conftest import BASE, Write


def test_an_explicit_file_comes_before_the_one_here_and_that_before_the_installed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_config().path == default_config_path()
    Path("pipelines.yaml").write_text("filters: {here: {}}\n")
    Path("other.yaml").write_text("filters: {other: {}}\n")
    assert load_config().path == Path("pipelines.yaml")
    assert "here" in load_config().filters
    assert load_config("other.yaml").path == Path("other.yaml")
    assert "here" not in load_config("other.yaml").filters


def test_names_that_the_file_does_not_define_come_from_the_installed_one(write: Write) -> None:
    write("pipelines: {quickstart: {stages: []}}\nfilters: {mine: {rules: []}}\n")
    config = load_config()
    assert config.pipelines["quickstart"].spec.stages == []
    assert config.filters["mine"].values == {"rules": []}
    assert {"lvd"} < set(config.pipelines)
    assert "lvd-f" in config.filters


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "pipelines:\nfilters:\nrecipes:\n", "pipelines: {empty: {stages: }}\n"]
)
def test_empty_sections_are_allowed(write: Write, text: str) -> None:
    config = load_config(write(text))
    assert set(config.pipelines) - {"empty"} == set(load_config(default_config_path()).pipelines)
    assert "lvd-f" in config.filters


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pipelins: {}\n", 'pipelines.yaml:1: pipelins: unknown key; did you mean "pipelines"?'),
        ("- a\n", "pipelines.yaml: should hold the sections pipelines, filters and recipes"),
        (
            "pipelines:\n  a: 3\n",
            "pipelines.yaml:2: pipelines.a: should be a mapping, not 3",
        ),
        (
            "pipelines:\n  a:\n    stage: []\n",
            'pipelines.yaml:3: pipelines.a.stage: unknown key; did you mean "stages"?',
        ),
        (
            "pipelines:\n  a:\n    stages:\n    - optical_flow\n",
            'pipelines.yaml:4: pipelines.a.stages.0: a stage is written as "optical_flow: {}", '
            "with its parameters in the braces",
        ),
        (
            "pipelines:\n  a:\n    stages:\n    - x: {}\n      y: {}\n",
            "pipelines.yaml:4: pipelines.a.stages.0: a stage is one key with its parameters below it, "
            'such as "optical_flow: {fps: 2}"',
        ),
        ("filters:\n  f: [1]\n", "pipelines.yaml:2: filters.f: should be a mapping, not [1]"),
        (
            "filters:\n  f: 1\nrecipes: 2\n",
            "pipelines.yaml:2: filters.f: should be a mapping, not 1\n"
            "pipelines.yaml:3: recipes: should be a mapping, not 2",
        ),
    ],
)
def test_mistakes_are_told_with_line_and_key(write: Write, text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        load_config(write(text))
    assert str(caught.value) == message


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for name, reason in (
        ("gone.yaml", "no such file; name an existing file with --config"),
        ("", "cannot be read: Is a directory"),
    ):
        with pytest.raises(UserError) as caught:
            load_config(tmp_path / name)
        assert str(caught.value) == f"{tmp_path / name}: {reason}"
    (tmp_path / "b.yaml").write_bytes(b"a: \xff")
    with pytest.raises(UserError, match="not a text file in UTF-8"):
        load_config(tmp_path / "b.yaml")


def test_the_default_file_is_installed_with_the_package(tmp_path: Path) -> None:
    """In a process of its own, away from the checkout, the installed package has a file with both pipelines."""
    script = "from curation.config import load_config; print(*load_config().pipelines)"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert {"quickstart", "lvd"} <= set(done.stdout.split())


def test_a_pipeline_of_the_file_here_can_extend_an_installed_one(write: Write) -> None:
    write(BASE + "  mine: {extends: quickstart, stages: [optical_flow: {fps: 1}]}\n")
    installed = resolve_pipeline(load_config(), "quickstart")
    mine = resolve_pipeline(load_config(), "mine")
    assert [stage.name for stage in mine.stages] == [stage.name for stage in installed.stages]
    assert mine.stage("optical_flow").config.model_dump()["fps"] == 1
