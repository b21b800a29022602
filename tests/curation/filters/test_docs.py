"""What docs/filters.md shows works as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from curation.config import load_config
from curation.filters import ClipTable, check_filter, load_filter, write_selection
from curation.filters.apply import apply_filter
from tests.curation.datasets import write_dataset

TEXT = (Path(__file__).parents[3] / "docs/filters.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


def test_the_example_of_a_filter_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text(blocks("yaml")[0])
    columns = {"label": ["cat", "bird"]}
    scores = {"optical_flow": {}, "text_detection": {}, "clip_scores": {}, "clip_similarity": {}}
    storage = write_dataset(str(tmp_path / "dataset"), 8, scores, columns)
    wanted = load_filter(load_config(tmp_path / "f.yaml"), "mine")
    checked = check_filter(wanted, ClipTable.open(storage).columns, "dataset", skip_missing=True)
    assert len(wanted.rules) == 8
    assert [line.partition(":")[0] for line in checked.skipped] == ["caption_llm"]


def test_sql_and_python_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    scores = {
        "optical_flow": {"motion_score": [1.0, 2.0, 3.0, 4.0]},
        "text_detection": {"text_area": [0.0, 0.0, 0.0, 1.0]},
        "clip_scores": {"aesthetic_score": [5.0, 6.0, 5.0, 6.0]},
        "clip_similarity": {"clip_similarity": [0.1, 0.2, 0.3, 0.4]},
    }
    storage = write_dataset("dataset", 4, scores)
    applied = apply_filter(ClipTable.open(storage), load_filter(load_config(), "lvd-f"))
    write_selection(storage, applied.verdicts, applied.table)
    reasons, kept = (duckdb.sql(query) for query in blocks("sql"))
    assert sum(count for _, count in reasons.fetchall()) == 4
    assert [row[0] for row in kept.select("clip_id").fetchall()] == ["c002"]
    found: dict[str, object] = {}
    exec(blocks("python")[0], found)
    assert found["verdicts"].kept.tolist() == [False, False, True, False]  # type: ignore[attr-defined]
