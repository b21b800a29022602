"""`curation models`, and what `plan`, `run` and `doctor` say of missing weights, against a real server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load
from typer.testing import CliRunner, Result

from curation.cli import app
from curation.errors import UserError
from models import hub as hub_module
from tests.models.hub_fixtures import hub_fixture  # noqa: F401
from tests.models.hub_material import needed, single, tensors
from tests.models.hub_server import HubServer, Repository

Here = Callable[..., subprocess.CompletedProcess[str]]
ROOT = Path(__file__).parents[3]
BIKES = ROOT / "tests" / "material" / "bikes.mp4"
SNAPSHOT = Path("models--org--tiny", "snapshots", "c" * 40)
CONFIG = """
pipelines:
  tiny:
    stages:
      - cut_detection: {rates: [8]}
      - clipping: {mode: copy, min_seconds: 0}
      - weighted: {use: "tests.curation.cli.weights_stage:Weighted"}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "tiny.yaml"
    file.write_text(CONFIG)
    return file


class Shell:
    """Calls `curation` with the test's config, hub and cache: in a process of its own."""

    def __init__(self, config: Path, url: str) -> None:
        self.config = config
        self.cache = config.parent / "cache"
        own = {"HF_ENDPOINT": url, "HF_HUB_CACHE": str(self.cache), "PYTHONPATH": str(ROOT), "COLUMNS": "250"}
        self.env = {**{name: value for name, value in os.environ.items() if not name.startswith("HF_")}, **own}

    def words(self, *words: str | Path) -> list[str]:
        chosen = () if words[0] == "doctor" else ("--pipeline", "tiny")
        return [*map(str, words), "--config", str(self.config), *chosen]

    def arguments(self, *words: str | Path) -> list[str]:
        return [str(Path(sys.executable).parent / "curation"), *self.words(*words)]

    def __call__(self, *words: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.arguments(*words), capture_output=True, text=True, env={**self.env, **env}, timeout=120, check=False
        )


@pytest.fixture
def curation(hub: HubServer, config: Path) -> Shell:
    return Shell(config, hub.url)


@pytest.fixture
def models(hub: HubServer, config: Path, monkeypatch: pytest.MonkeyPatch) -> Models:
    monkeypatch.setenv("COLUMNS", "250")
    return Models(config)


class Models:
    """Calls `curation models` in this process, which forgets between calls what the hub said, as new ones would."""

    def __init__(self, config: Path) -> None:
        self.config = config
        self.cache = config.parent / "cache"

    def __call__(self, *words: str) -> Result:
        arguments = ["models", *words, "--config", str(self.config), "--pipeline", "tiny"]
        hub_module._LISTINGS.clear()
        result = CliRunner().invoke(app, arguments)
        if isinstance(result.exception, UserError):
            raise result.exception
        return result


def test_list_pull_and_check(hub: HubServer, models: Models) -> None:
    files = single(size=1_000_000)
    hub.repositories["org/tiny"] = Repository(files)
    shown = models("list")
    assert shown.exit_code == 0
    assert all(f"│ {name}" in shown.stdout for name in needed(files))
    assert "to fetch: 5 files, 4.0 MB" in shown.stdout
    assert models("check").exit_code == 1
    pulled = models("pull")
    assert (pulled.exit_code, "has come" in pulled.stdout) == (0, True), pulled.stderr
    asked = len(hub.requests)
    again = models("pull")
    assert (again.exit_code, "is here" in again.stdout) == (0, True)
    assert str(models.cache / SNAPSHOT / "model.safetensors") in "".join(models("list").stdout.split())
    checked = models("check")
    assert (checked.exit_code, checked.stderr) == (0, "")
    assert "model.safetensors: SHA-256 as published" in checked.stdout
    assert len(hub.requests) == asked


def test_a_damaged_file_is_found(hub: HubServer, models: Models) -> None:
    hub.repositories["org/tiny"] = Repository(single())
    assert models("pull").exit_code == 0
    (models.cache / SNAPSHOT / "model.safetensors").write_bytes(tensors(5))
    asked = len(hub.requests)
    checked = models("check")
    assert checked.exit_code == 1
    assert "its SHA-256 is not" in checked.stderr
    assert "curation models pull --pipeline tiny" in checked.stderr
    assert "config.json: git id as published" in checked.stdout
    assert len(hub.requests) == asked


def test_what_cannot_be_pulled_is_told_in_one_line(
    hub: HubServer, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    absent = models("pull")
    assert f"error: weighted: no repository org/tiny at {hub.url}" in absent.stderr
    hub.repositories["org/tiny"] = Repository(single(), gated=True)
    gated = models("pull")
    assert "org/tiny is gated" in gated.stderr
    assert not (models.cache / SNAPSHOT).exists()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    offline = models("pull")
    assert "HF_HUB_OFFLINE" in offline.stderr
    for shown in (absent, gated, offline):
        assert shown.exit_code == 1
        assert [line for line in shown.stderr.splitlines() if "rror" in line] == [shown.stderr.splitlines()[-1]]


@pytest.mark.parametrize("command", ["list", "pull", "check"])
def test_bad_settings_and_help(models: Models, command: str) -> None:
    with pytest.raises(UserError, match="modle"):
        models(command, "--set", "weighted.modle=x")
    assert f"curation models {command} --pipeline" in models(command, "--help").stdout


def test_a_stage_that_the_pipeline_lacks(models: Models) -> None:
    shown = models("check", "--stage", "text_detection")
    assert shown.exit_code == 0
    assert "craft_mlt_25k.pth: SHA-256 as published" in shown.stdout


def test_missing_weights_are_told_before_anything_starts(
    hub: HubServer, curation: Shell, models: Models, curation_here: Here, tmp_path: Path
) -> None:
    files = single(size=1_000_000)
    hub.repositories["org/tiny"] = Repository(files)
    dataset = tmp_path / "dataset"
    for command in ("plan", "run"):
        refused = curation_here(*curation.words(command, BIKES, "--output", dataset))
        assert refused.returncode == 2
        assert "weighted: the weights of org/tiny (4.0 MB) are not on this machine" in refused.stderr
        assert "curation models pull --pipeline tiny" in refused.stderr
        assert "--set weighted.download=true" in refused.stderr
    assert not dataset.exists()
    doctor = curation_here(*curation.words("doctor"))
    assert doctor.returncode == 0
    assert "the weights of org/tiny (4.0 MB)" in " ".join(doctor.stdout.split())
    assert models("pull").exit_code == 0
    asked = len(hub.requests)
    done = curation("run", BIKES, "--output", dataset, "--in-process", HF_HUB_OFFLINE="1")
    assert done.returncode == 0, done.stderr
    sums = pq.read_table(dataset / "annotations" / "weighted").column("weight_sum").to_pylist()
    assert sums
    expected = float(sum(tensor.sum() for tensor in load(files["model.safetensors"]).values()))
    assert sums == pytest.approx([expected] * len(sums))
    assert len(hub.requests) == asked


def test_a_run_that_may_download_asks_first_whether_it_can(
    hub: HubServer, curation: Shell, curation_here: Here, tmp_path: Path
) -> None:
    words = (BIKES, "--output", tmp_path / "d", "--set", "weighted.download=true")
    refused = curation_here(*curation.words("run", *words))
    assert refused.returncode == 2
    assert "no repository org/tiny" in refused.stderr
    hub_module._LISTINGS.clear()
    hub.repositories["org/tiny"] = Repository(single(size=500_000))
    planned = curation_here(*curation.words("plan", *words))
    assert (planned.returncode, "downloads 2 MB" in planned.stdout) == (0, True), planned.stderr
    assert not curation.cache.exists()


def test_a_killed_download_leaves_nothing_half(hub: HubServer, curation: Shell, models: Models) -> None:
    repository = Repository(single(size=200_000), held="model.safetensors")
    hub.repositories["org/tiny"] = repository
    command = curation.arguments("models", "pull")
    with subprocess.Popen(command, env=curation.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as puller:
        assert repository.began.wait(60)
        puller.send_signal(signal.SIGKILL)
    assert (curation.cache / SNAPSHOT / "config.json").is_file()
    assert not (curation.cache / SNAPSHOT / "model.safetensors").exists()
    half = models("check")
    assert (half.exit_code, "model.safetensors: it is not there" in half.stderr) == (1, True)
    repository.held = None
    repository.release.set()
    assert models("pull").exit_code == 0
    assert models("check").exit_code == 0
