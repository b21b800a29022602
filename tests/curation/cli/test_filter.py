"""`curation filter` as a user types it, in this process."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from curation.config import default_config_path
from curation.dataset.storage import Storage
from curation.filters import read_selection
from tests.curation.datasets import write_dataset

Run = Callable[..., subprocess.CompletedProcess[str]]
QUICKSTART = {
    "optical_flow": {"motion_score": [float(index) for index in range(8)]},
    "text_detection": {"text_area": [0.0] * 6 + [0.5, None], "text_detection_error": [None] * 7 + ["too dark"]},
}


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the pipeline quickstart writes, eight clips of two videos; ./pipelines.yaml is not there."""
    monkeypatch.chdir(tmp_path)
    write_dataset("dataset", 8, QUICKSTART)
    return Path("dataset")


def test_it_prints_the_funnel_and_writes_the_selection(dataset: Path, curation_here: Run) -> None:
    done = curation_here("filter", dataset, "--filter", "quickstart")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [" ".join(line.replace("│", " ").split()) for line in done.stdout.splitlines()]
    assert "all clips 8 100.0 % 23.0 s" in lines
    assert "motion_score: drop_lowest 25% 2 25.0 % 5.0 s 2 25.0 % 5.0 s 2 25.0 % 5.0 s 6 75.0 % 18.0 s" in lines
    assert "from 2" in lines
    assert "text_area: max 0.07 1 2 25.0 % 5.0 s 2 25.0 % 5.0 s 2 25.0 % 5.0 s 4 50.0 % 13.0 s" in lines
    assert lines[-2:] == ["Kept 4 of 8 clips (50.0 %), 13.0 s of 23.0 s", "dataset/selections/quickstart.parquet"]
    selection = read_selection(Storage("dataset"), "quickstart")
    assert selection.kept_ids() == ["c002", "c003", "c004", "c005"]
    assert selection.rows["reason"].to_pylist()[-1] == "text_area: null"


def test_lvd_f_tells_what_a_quickstart_dataset_lacks(dataset: Path, curation_here: Run) -> None:
    done = curation_here("filter", dataset, "--filter", "lvd-f")
    assert (done.returncode, done.stdout) == (2, "")
    lines = done.stderr.splitlines()
    config = str(default_config_path())
    assert [line.split(": ")[2] for line in lines] == ["lvd-f.aesthetic_score", "lvd-f.clip_similarity"]
    for line, stage in zip(lines, ["clip_scores", "clip_similarity"], strict=True):
        assert line.startswith(f"error: {config}:")
        assert f"curation annotate dataset --stage {stage} (or leave such rules out with --skip-missing)" in line
    assert not (dataset / "selections").exists()


def test_rules_without_a_column_can_be_left_out_aloud(dataset: Path, curation_here: Run) -> None:
    done = curation_here("filter", dataset, "--filter", "lvd-f", "--skip-missing")
    assert done.returncode == 0
    notes = [line for line in done.stdout.splitlines() if line.startswith("note: ")]
    assert notes == [
        "note: left out: aesthetic_score: drop_lowest 25% (no aesthetic_score in dataset)",
        "note: left out: clip_similarity: drop_lowest 50% (no clip_similarity in dataset)",
    ]
    assert len(read_selection(Storage("dataset"), "lvd-f").filter["rules"]) == 2


def test_nothing_kept_is_said(dataset: Path, curation_here: Run) -> None:
    done = curation_here("filter", dataset, "--filter", "quickstart", "--set", "motion_score.min=1000")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-3:] == [
        "note: no clip is kept",
        "Kept 0 of 8 clips (0.0 %), 0.0 s of 23.0 s",
        "dataset/selections/quickstart.parquet",
    ]
    assert read_selection(Storage("dataset"), "quickstart").kept_ids() == []


def test_a_dataset_without_clips_is_told(tmp_path: Path, curation_here: Run) -> None:
    write_dataset(str(tmp_path), 0, {"optical_flow": {"motion_score": []}, "text_detection": {"text_area": []}})
    done = curation_here("filter", tmp_path, "--filter", "quickstart")
    assert (done.returncode, done.stderr) == (2, f"error: {tmp_path}: has no clips; curation run adds some\n")


def test_what_is_no_dataset_is_told(tmp_path: Path, curation_here: Run) -> None:
    done = curation_here("filter", tmp_path / "gone", "--filter", "quickstart")
    assert done.returncode == 2
    assert done.stderr == f"error: {tmp_path}/gone: not a dataset (no dataset.json); make one with: curation run\n"


def test_a_store_that_does_not_answer_is_one_line(
    tmp_path: Path, curation_here: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_answer(*_: object) -> bytes:
        raise RuntimeError("Could not connect\nto the endpoint")  # stores have errors of their own

    monkeypatch.setattr(Storage, "read_bytes", no_answer)
    done = curation_here("filter", tmp_path, "--filter", "quickstart")
    told = f"error: {tmp_path}: cannot be read: Could not connect to the endpoint\n"
    assert (done.returncode, done.stderr) == (2, told)


def test_an_unknown_filter_is_told(dataset: Path, curation_here: Run) -> None:
    done = curation_here("filter", dataset, "--filter", "lvdf")
    assert (done.returncode, done.stderr.split(": ", 2)[2]) == (2, 'no filter "lvdf"; did you mean "lvd-f"?\n')


def test_json_is_the_whole_funnel(dataset: Path, curation_here: Run) -> None:
    done = curation_here("filter", dataset, "--filter", "quickstart", "--json")
    told = json.loads(done.stdout)
    assert (told["selection"], told["notes"]) == ("dataset/selections/quickstart.parquet", [])
    assert told["kept"] == {"clips": 4, "seconds": 13.0}
    assert [(row["label"], row["only"]["clips"], row["nulls"]) for row in told["rows"]] == [
        ("motion_score: drop_lowest 25%", 2, 0),
        ("text_area: max 0.07", 2, 1),
    ]
    assert told["resolved"]["rules"][0]["min"] == 2.0


def test_quiet_prints_nothing(dataset: Path, curation_here: Run) -> None:
    done = curation_here("filter", dataset, "--filter", "quickstart", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_frozen_numbers_are_the_filter_of_the_next_dataset(dataset: Path, curation_here: Run) -> None:
    done = curation_here("filter", dataset, "--filter", "quickstart", "--freeze", "frozen.yaml")
    assert done.returncode == 0
    written = Path("frozen.yaml").read_text()
    assert yaml.safe_load(written)["filters"]["quickstart"]["rules"] == [
        {"motion_score": {"min": 2.0}},
        {"text_area": {"max": 0.07}},
    ]
    write_dataset(
        "next", 4, {"optical_flow": {"motion_score": [1.0, 1.5, 2.0, 3.0]}, "text_detection": {"text_area": [0.0] * 4}}
    )
    assert curation_here("filter", "next", "--filter", "quickstart", "--config", "frozen.yaml").returncode == 0
    assert read_selection(Storage("next"), "quickstart").kept_ids() == ["c002", "c003"]
    again = curation_here("filter", dataset, "--filter", "quickstart", "--freeze", "frozen.yaml")
    assert (again.returncode, again.stderr) == (2, "error: --freeze frozen.yaml: is there already; name a new file\n")
    assert Path("frozen.yaml").read_text() == written


def test_a_frozen_filter_can_be_piped(dataset: Path, curation_here: Run) -> None:
    done = curation_here("filter", dataset, "--filter", "quickstart", "--freeze", "-")
    assert list(yaml.safe_load(done.stdout)) == ["filters"]
    assert "Kept 4 of 8 clips" in done.stderr
    both = curation_here("filter", dataset, "--filter", "quickstart", "--freeze", "-", "--json")
    assert both.returncode == 2


def test_a_row_stays_within_a_narrow_terminal(
    dataset: Path, curation_here: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    done = curation_here("filter", dataset, "--filter", "quickstart")
    assert max(map(len, done.stdout.splitlines())) <= 70
    assert "motion_score:" in done.stdout


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_dataset_that_cannot_be_written_to_is_told(dataset: Path, curation_here: Run) -> None:
    dataset.chmod(0o500)
    try:
        done = curation_here("filter", dataset, "--filter", "quickstart")
    finally:
        dataset.chmod(0o700)
    assert done.returncode == 2
    assert done.stderr == "error: dataset/selections/quickstart.parquet: cannot be written: Permission denied\n"


def test_a_selection_that_cannot_be_written_is_told(dataset: Path, curation_here: Run) -> None:
    (dataset / "selections").write_text("a file where a folder should be")
    done = curation_here("filter", dataset, "--filter", "quickstart")
    assert done.returncode == 2
    assert done.stderr.startswith("error: dataset/selections/quickstart.parquet: cannot be written: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_dataset_on_s3(s3_bucket: str, curation_here: Run) -> None:
    url = f"{s3_bucket}/sets/data [1]"
    storage = write_dataset(url, 8, QUICKSTART)
    done = curation_here("filter", url, "--filter", "quickstart")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == f"{url}/selections/quickstart.parquet"
    assert read_selection(storage, "quickstart").kept_ids() == ["c002", "c003", "c004", "c005"]
    assert curation_here("stats", url, "--filter", "quickstart").returncode == 0


def test_one_of_a_kind_is_no_plural(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, curation_here: Run) -> None:
    monkeypatch.chdir(tmp_path)
    write_dataset("dataset", 1, {"optical_flow": {"motion_score": [1.0]}})
    Path("f.yaml").write_text("filters: {f: {rules: [{motion_score: {drop_lowest: 25%, within: source}}]}}")
    filtered = curation_here("filter", "dataset", "--filter", "f", "--config", "f.yaml").stdout
    assert "in 1 group " in filtered
    assert "Kept 1 of 1 clip (100.0 %)" in filtered
    assert curation_here("stats", "dataset").stdout.startswith("1 clip, ")
