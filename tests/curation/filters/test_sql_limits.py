"""What a rule in SQL may cost: it is stopped where it takes too long or too much memory, and told by its name."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from curation.errors import UserError
from curation.filters.once import Once
from curation.filters.sealed import Sealed
from tests.curation.datasets import write_dataset

INNER = "list_sum(list_transform(range(1000000), lambda j: i * j))"
ENDLESS = f"list_sum(list_transform(range(1000000), lambda i: {INNER}))"
CLIPS = pa.table({"clip_id": ["a", "b"], "width": [1, 2]})
TOO_LONG = "takes longer than {} s; make it simpler, or allow more with timeout_s beside sql"

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_dataset("dataset", 8, {"optical_flow": {"motion_score": [float(index) for index in range(8)]}})
    return Path("dataset")


@pytest.mark.parametrize("operand", ["motion_score", "3"], ids=["of every clip", "constant"])
def test_a_rule_without_end_is_stopped_and_told(dataset: Path, curation_here: Run, operand: str) -> None:
    rule = f"      - sql: '{ENDLESS} > {operand}'\n        name: heavy\n        timeout_s: 0.5\n"
    Path("f.yaml").write_text(f"filters:\n  f:\n    rules:\n{rule}")
    done = curation_here("filter", dataset, "--filter", "f", "--config", "f.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: f.yaml:4: ")
    assert line.endswith(TOO_LONG.format("0.5"))
    assert not (dataset / "selections").exists()


@pytest.mark.parametrize("written", ["0", "-1", "soon", "1e9"])
def test_a_limit_is_a_number_of_seconds(dataset: Path, curation_here: Run, written: str) -> None:
    Path("f.yaml").write_text(f"filters:\n  f:\n    rules:\n      - sql: width > 1\n        timeout_s: {written}\n")
    done = curation_here("filter", dataset, "--filter", "f", "--config", "f.yaml")
    assert done.returncode == 2
    assert done.stderr.startswith("error: f.yaml:5: f.timeout_s: ")


def test_memory_is_bounded_and_the_next_question_is_answered() -> None:
    database = Sealed(memory_bytes=1 << 30)
    try:
        with pytest.raises(UserError, match=r"^needs more than 1\.0 GiB of memory"):
            database.ask("SELECT len(range(400000000 + width)) > 0 AS kept FROM clips", CLIPS, 60)
        with pytest.raises(UserError, match=TOO_LONG.format("0.2")):
            database.ask(f"SELECT {ENDLESS} > width FROM clips", CLIPS, 0.2)
        with pytest.raises(UserError, match="Could not convert"):
            database.ask("SELECT cast(clip_id AS INTEGER) FROM clips", CLIPS, 60)
        assert database.ask("SELECT width > 1 AS kept FROM clips", CLIPS, 60).rows["kept"].to_pylist() == [False, True]
    finally:
        database.close()


def test_what_is_being_worked_out_is_waited_for_and_failures_are_kept() -> None:
    begun, go_on = threading.Event(), threading.Event()
    calls = []

    def work(number: int) -> int:
        calls.append(number)
        if number == 1:
            begun.set()
            assert go_on.wait(60)
        if number == 2:
            raise UserError("no")
        if number == 3 and calls.count(3) == 1:
            raise KeyboardInterrupt
        return 10 * number

    once = Once(work, 3)
    results: list[int] = []
    threads = [threading.Thread(target=lambda: results.append(once(1))) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert begun.wait(60)
    for _ in range(2):
        with pytest.raises(UserError, match="no"):
            once(2)
    go_on.set()
    for thread in threads:
        thread.join()
    assert (results, calls) == ([10] * 3, [1, 2])
    with pytest.raises(KeyboardInterrupt):
        once(3)
    assert once(3) == 30
