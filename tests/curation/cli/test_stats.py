"""`curation stats` as a user types it, in this process."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from curation.cli.funnel import kept_ranges
from curation.dataset.storage import Storage
from curation.filters import ClipTable, filter_of
from curation.filters.apply import apply_filter
from tests.curation.datasets import write_annotation, write_dataset

Run = Callable[..., subprocess.CompletedProcess[str]]
MOTION = [0.0, 1.0, 2.0, 3.0, 4.0, None, 6.0, 7.0]
SCORES = {
    "optical_flow": {"motion_score": MOTION, "optical_flow_error": [None] * 5 + ["black"] + [None] * 2},
    "text_detection": {"text_area": [0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, None]},
}


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Eight clips of two videos with two scores."""
    monkeypatch.chdir(tmp_path)
    write_dataset("dataset", 8, SCORES, {"label": ["cat", None]})
    return Path("dataset")


def rows(text: str) -> list[str]:
    return [" ".join(line.replace("│", " ").split()) for line in text.splitlines()]


def test_scores_have_missing_values_histogram_and_quantiles(dataset: Path, curation_here: Run) -> None:
    done = curation_here("stats", dataset)
    assert (done.returncode, done.stderr) == (0, "")
    assert "8 clips, 23.0 s" in done.stdout
    (motion,) = [line.split() for line in rows(done.stdout) if line.startswith("motion_score")]
    assert motion[:4] == ["motion_score", "7", "1", "1"]
    assert motion[-7:] == ["0", "0.3", "1.5", "3", "5", "6.7", "7"]
    assert sum(letter in "▁▂▃▄▅▆▇█" for letter in "".join(motion)) == 7
    (area,) = [line.split() for line in rows(done.stdout) if line.startswith("text_area")]
    assert area[:3] == ["text_area", "7", "1"]
    assert area[-7] == "0.2"
    assert [line for line in rows(done.stdout) if line.endswith("-1.00")] != []


def test_json_has_all_of_it(dataset: Path, curation_here: Run) -> None:
    told = json.loads(curation_here("stats", dataset, "--json").stdout)
    assert (told["clips"], told["seconds"]) == (8, 23.0)
    motion = told["columns"]["motion_score"]
    assert {key: motion[key] for key in ("count", "nulls", "failed", "min", "max")} == {
        "count": 7, "nulls": 1, "failed": 1, "min": 0.0, "max": 7.0,
    }  # fmt: skip
    assert motion["quantiles"]["0.5"] == 3.0
    assert sum(motion["histogram"]["counts"]) == 7
    names = told["correlation"]["columns"]
    assert told["correlation"]["rows"][names.index("motion_score")][names.index("text_area")] == pytest.approx(-1)
    assert told["correlation"]["rows"][names.index("fps")][0] is None


def test_groups_have_sizes_and_distributions_of_their_own(dataset: Path, curation_here: Run) -> None:
    told = json.loads(curation_here("stats", dataset, "--json", "--by", "label", "--column", "motion_score").stdout)
    assert (told["by"], told["num_groups"]) == ("label", 2)
    assert [(group["key"], group["clips"]) for group in told["groups"]] == [("cat", 4), (None, 4)]
    assert [group["columns"]["motion_score"]["nulls"] for group in told["groups"]] == [0, 1]
    assert [group["columns"]["motion_score"]["max"] for group in told["groups"]] == [3.0, 7.0]
    shown = curation_here("stats", dataset, "--by", "source", "--groups", "1", "--column", "motion_score").stdout
    assert "videos/00.mp4 4 50.0 %" in "\n".join(rows(shown))
    assert "… 1 smaller group; --groups N shows more" in shown
    assert "motion_score by source" in shown


def test_with_a_filter_it_shows_survivors(dataset: Path, curation_here: Run) -> None:
    found = curation_here(
        "stats", dataset, "--by", "source", "--filter", "quickstart", "--column", "motion_score", "--json"
    )
    told = json.loads(found.stdout)
    assert told["filter"]["kept"]["clips"] == 0
    assert [row["alone"]["clips"] for row in told["filter"]["rows"]] == [3, 8]
    assert [group["kept_clips"] for group in told["groups"]] == [0, 0]
    shown = curation_here("stats", dataset, "--filter", "quickstart").stdout
    assert "note: no clip is kept" in shown
    assert not (dataset / "selections").exists()


def test_a_selection_that_is_stale_is_told(dataset: Path, curation_here: Run) -> None:
    def notes() -> list[str]:
        shown = curation_here("stats", dataset, "--filter", "quickstart").stdout
        return [line for line in shown.splitlines() if "quickstart.parquet" in line]

    assert notes() == []
    curation_here("filter", dataset, "--filter", "quickstart")
    assert notes() == []
    mend = "make it anew: curation filter dataset --filter quickstart"
    curation_here("filter", dataset, "--filter", "quickstart", "--set", "motion_score.min=1")
    assert notes() == [f"note: dataset/selections/quickstart.parquet: it was made with other rules; {mend}"]
    write_annotation(Storage("dataset"), "clip_scores", {"aesthetic_score": [1.0]}, ["c000"])
    assert notes() == [
        f"note: dataset/selections/quickstart.parquet: the tables have changed since it was made; {mend}"
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--column", "motion"], '--column motion: no such column; did you mean "motion_score"?'),
        (["--column", "source"], "--column source: holds no numbers (string); name one of: motion_score, text_area, "),
        (["--by", "sourc"], '--by sourc: no such column; did you mean "source"?'),
        (["--by", "video_transitions"], "--by video_transitions: holds lists; clips cannot be grouped by it"),
        (["--filter", "lvd-f"], "no stage has written it in dataset"),
    ],
)
def test_mistakes_are_one_line(dataset: Path, curation_here: Run, arguments: list[str], message: str) -> None:
    done = curation_here("stats", dataset, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr.splitlines()[0]


def test_a_dataset_without_clips_is_told(tmp_path: Path, curation_here: Run) -> None:
    write_dataset(str(tmp_path), 0)
    done = curation_here("stats", tmp_path)
    assert (done.returncode, done.stderr) == (2, f"error: {tmp_path}: has no clips; curation run adds some\n")


def test_narrow_terminals_get_lines_for_each_score(
    dataset: Path, curation_here: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    done = curation_here("stats", dataset, "--by", "source", "--filter", "quickstart")
    assert max(map(len, done.stdout.splitlines())) <= 60
    assert "motion_score  7 values  1 null, 1 of them failed" in done.stdout


def test_each_group_has_the_thresholds_of_its_own(dataset: Path) -> None:
    within = {"motion_score": {"drop_lowest": "50%", "within": "source"}}
    applied = apply_filter(ClipTable.open(Storage(str(dataset))), filter_of("f", {"rules": [within]}))
    (rule,) = applied.verdicts.resolved.rules
    told = {one["source"]: one["min"] for one in rule.to_dict()["groups"]}
    assert len(set(told.values())) > 1
    assert kept_ranges(applied) == {}
    for source, least in told.items():
        assert kept_ranges(applied, ("source", source)) == {"motion_score": (least, math.inf)}
    assert kept_ranges(applied, ("source", "another")) == {}
    assert kept_ranges(applied, ("width", 1)) == {}
