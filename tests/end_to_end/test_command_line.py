"""What a user sees: summary, exit status, one line for a mistake."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import duckdb
import pytest

from tests.end_to_end.conftest import QUICK, Uninterrupted, curation
from tests.material.inputs import write_sample


def test_a_second_run_has_nothing_to_do(uninterrupted: Uninterrupted, tmp_path: Path) -> None:
    dataset = shutil.copytree(uninterrupted.dataset, tmp_path / "dataset")
    done = curation("run", *uninterrupted.inputs, "-o", dataset, *QUICK)
    assert done.returncode == 0
    assert "Nothing to do: 3 videos" in done.stdout


def test_the_summary_agrees_with_the_tables(uninterrupted: Uninterrupted) -> None:
    dataset = uninterrupted.dataset
    clips = duckdb.sql(f"SELECT * FROM '{dataset}/clips/*.parquet'").fetchdf()
    assert f"{len(clips)} (" in uninterrupted.printed
    assert "all verified" in uninterrupted.printed
    wide = duckdb.sql(
        f"SELECT clip_id, motion_score FROM '{dataset}/clips/*.parquet' "
        f"JOIN '{dataset}/annotations/optical_flow/*.parquet' USING (clip_id)"
    ).fetchdf()
    assert len(wide) == len(clips)
    assert wide.notna().all(axis=None)
    assert len(list(dataset.glob("contact_sheets/*.jpg"))) == 3


def test_bad_items_give_rows_and_status_1_then_retry(tmp_path: Path, bikes: Path) -> None:
    videos, dataset, log = tmp_path / "videos", tmp_path / "dataset", tmp_path / "log.jsonl"
    videos.mkdir()
    shutil.copy(bikes, videos / "good.mp4")
    (videos / "bad.mp4").write_bytes(b"no video")
    done = curation("run", videos, "-o", dataset, *QUICK, "--log", log, "--in-process")
    assert done.returncode == 1
    assert "1 item failed" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    rows = duckdb.sql(f"SELECT source, status, error FROM '{dataset}/videos/*.parquet' ORDER BY source").fetchall()
    assert [(Path(source).name, status) for source, status, _ in rows] == [("bad.mp4", "failed"), ("good.mp4", "ok")]
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert {"video", "annotations", "finished"} <= {event["event"] for event in events}
    write_sample(videos / "bad.mp4")
    done = curation("retry", dataset, "--quiet", "--in-process")
    assert (done.returncode, done.stdout) == (0, "")
    rows = duckdb.sql(f"SELECT status FROM '{dataset}/videos/*.parquet'").fetchall()
    assert rows == [("ok",), ("ok",)]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("no/such/folder",), "no/such/folder: no such file or folder"),
        (("{bikes}", "--pipeline", "quikstart"), 'did you mean "quickstart"?'),
        (("{bikes}", "--set", "optical_flow.fpss=4"), 'did you mean "fps"?'),
        (("{bikes}", "--set", "optical_flow.fps=fast"), "optical_flow.fps"),
        (("{bikes}", "--set", "clipping.preset=superfst"), 'did you mean "superfast"?'),
        (("{bikes}", "--config", "missing.yaml"), "missing.yaml"),
        (("{bikes}", "--pipeline", "lvd"), "clip_scores"),
    ],
)
@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_mistake_is_told_in_one_line(
    command: str,
    arguments: tuple[str, ...],
    told: str,
    bikes: Path,
    tmp_path: Path,
    curation_here: Callable[..., subprocess.CompletedProcess[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    filled = [argument.format(bikes=bikes) for argument in arguments]
    done = curation_here(command, *filled, "-o", tmp_path / "dataset")
    assert done.returncode == 2
    assert told in done.stderr
    assert all(line.startswith("error: ") for line in done.stderr.splitlines())
    assert not (tmp_path / "dataset").exists()


def test_what_annotate_cannot_do_is_told(
    uninterrupted: Uninterrupted,
    curation_here: Callable[..., subprocess.CompletedProcess[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    splitter = curation_here("annotate", uninterrupted.dataset, "--stage", "clipping", "--again")
    assert splitter.returncode == 2
    assert "--stage clipping: it makes clips, and annotates none" in splitter.stderr
    absent = curation_here("annotate", uninterrupted.dataset, "--stage", "coca", "--set", "coca.seq_len=20")
    assert absent.returncode == 2
    assert absent.stderr.endswith("curation models pull --stage coca --set=coca.seq_len=20\n")


def test_plan_looks_at_the_output(
    bikes: Path, tmp_path: Path, curation_here: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for output, told in ((tmp_path, "holds other things"), (tmp_path / "notes.txt", "is a file")):
        done = curation_here("plan", bikes, "-o", output)
        assert done.returncode == 2
        assert told in done.stderr


def test_a_damaged_file_of_the_dataset_is_named(
    uninterrupted: Uninterrupted, tmp_path: Path, curation_here: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    dataset = tmp_path / "dataset"
    shutil.copytree(uninterrupted.dataset, dataset)
    command = ["run", *uninterrupted.inputs, "-o", dataset, *QUICK, "--in-process"]
    (dataset / "_state" / "sources.parquet").write_bytes(b"")
    assert curation_here(*command).returncode == 0, "it only saves time"
    part = next((dataset / "clips").glob("*.parquet"))
    part.write_bytes(b"junk")
    done = curation_here(*command)
    assert done.returncode == 2
    assert f"clips/{part.name}: damaged (" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_mistake_in_a_process_of_its_own(bikes: Path, tmp_path: Path) -> None:
    done = curation("run", bikes, "-o", tmp_path / "dataset", "--pipeline", "quikstart")
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"error: .*did you mean \"quickstart\"\?.*\n", done.stderr)


def test_plan_and_doctor(bikes: Path, tmp_path: Path) -> None:
    planned = curation("plan", bikes, "-o", tmp_path / "dataset")
    assert planned.returncode == 0
    assert "cut_detection" in planned.stdout
    assert not (tmp_path / "dataset").exists()
    examined = curation("doctor")
    assert "libx264" in examined.stdout
    assert "pipeline lvd" in examined.stdout
    shown = " ".join(examined.stdout.replace("│", " ").split())
    assert "nothing to fetch: no weights from elsewhere" in shown
    assert "curation models pull --recipe text-to-video" in shown


def test_a_dataset_that_is_none(tmp_path: Path) -> None:
    done = curation("retry", tmp_path)
    assert done.returncode == 2
    assert "not a dataset" in done.stderr


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_says_how_to_go_on(by: signal.Signals, bikes: Path, tmp_path: Path) -> None:
    program = str(Path(sys.executable).parent / "curation")
    command = [program, "run", str(bikes), "-o", str(tmp_path / "dataset"), *QUICK]
    # Where tests run in the background SIGINT is ignored, and a new process would inherit that.
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heard)
    assert run.stderr is not None
    for line in run.stderr:
        if line.startswith("workers:"):
            break
    run.send_signal(by)
    printed, told = run.communicate(timeout=100)
    assert (run.returncode, printed) == (130, "")
    assert told.split("\n")[-2] == "stopped; the same command goes on where this one ended"
    assert "SIGTERM received" not in told
    assert "Traceback" not in told


@pytest.mark.parametrize("arguments", [("run",), ("run", "x", "--outptu", "y"), ("rnu",), ("annotate", "x", "--stage")])
def test_a_mistake_on_the_command_line_is_told_in_one_line(arguments: tuple[str, ...]) -> None:
    done = curation(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"error: .*; see curation.* --help\n", done.stderr)
