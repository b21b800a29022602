"""What the page is told: shares, galleries, details, comparisons; and how a filter is saved."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from curation.config import load_config
from curation.config.file import default_config_path
from curation.dataset.storage import Storage
from curation.errors import UserError
from curation.filters import ClipTable, load_filter
from curation.filters.apply import apply_filter
from curation.tune.session import Session
from tests.curation.datasets import write_annotation
from tests.curation.tune.clips import NUM_CLIPS
from tests.curation.tune.conftest import YAML, Client

RULES: list[dict[str, Any]] = [{"motion_score": {"max": 3}}, {"text_area": {"max": 0.07}}]


def _ask(client: TestClient, path: str, **body: Any) -> Any:
    answer = client.post(f"/api/{path}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def _clip(index: int) -> str:
    return f"{index:032x}"


def _numbers(clips: list[dict[str, Any]]) -> list[int]:
    return [int(clip["clip_id"], 16) for clip in clips]


def test_what_the_page_begins_with(client: TestClient, config: Path) -> None:
    about = client.get("/api/dataset").json()
    assert about["name"] == "dataset"
    assert about["total"] == {"clips": 40, "seconds": pytest.approx(80)}
    kinds = {column["name"]: column["kind"] for column in about["columns"]}
    assert kinds["motion_score"] == "number"
    assert kinds["label"] == "text"
    assert kinds["has_audio"] == "truth value"
    assert "clip_id" not in kinds
    assert about["scores"][:2] == ["motion_score", "text_area"]
    own = [filter["name"] for filter in about["filters"] if filter["is_own"]]
    assert own == ["calm", "other"]
    assert "lvd-f" in [filter["name"] for filter in about["filters"]]
    assert (about["target"], about["cannot_save"]) == (str(config), "")


def test_what_is_told_agrees_with_curation_filter(client: TestClient, playable: Path, config: Path) -> None:
    rules = client.get("/api/filter", params={"name": "calm"}).json()["rules"]
    assert rules == RULES
    told = _ask(client, "evaluate", rules=rules)
    applied = apply_filter(ClipTable.open(Storage(str(playable))), load_filter(load_config(config), "calm"))
    assert told["kept"] == {"clips": applied.funnel.kept.clips, "seconds": pytest.approx(applied.funnel.kept.seconds)}
    for row, expected in zip(told["rules"], applied.to_dict()["rows"], strict=True):
        for key in ("alone", "here", "only", "left"):
            assert row[key]["clips"] == expected[key]["clips"]
        assert row["nulls"] == expected["nulls"]


def test_each_wrong_rule_says_why_and_the_others_count(client: TestClient) -> None:
    rules = [
        {"clip_similarity": {"min": 0.2}},
        {"motion_scor": {"min": 1}},
        {"motion_score": {"min": 3, "max": 1}},
        {"sql": "motion_score >"},
        {"label": {"min": 3}},
        {"motion_score": {"min": 1}},
        {"sql": "source::INTEGER > 1"},
    ]
    told = _ask(client, "evaluate", rules=rules)
    errors = [row.get("error") for row in told["rules"]]
    assert errors[0].startswith("clip_similarity: no stage has written it")
    assert "curation annotate" in errors[0]
    assert "--skip-missing" not in errors[0]
    assert 'did you mean "motion_score"' in errors[1]
    assert "no clip could be kept" in errors[2]
    assert "syntax error" in errors[3].lower()
    assert "label" in errors[4]
    assert errors[5] is None
    assert errors[6].startswith("source::INTEGER > 1: Could not convert")
    assert [row.get("is_missing") for row in told["rules"]] == [True, False, False, False, False, None, False]
    assert told["kept"]["clips"] == 29


def test_histograms(client: TestClient) -> None:
    motion = client.get("/api/column", params={"name": "motion_score"}).json()
    assert sum(motion["counts"]) == 39
    assert motion["nulls"] == 1
    assert motion["axis"] == {"scale": "linear", "low": 0.0, "high": pytest.approx(3.8), "unit": pytest.approx(0.195)}
    assert motion["quantiles"][0] == 0
    assert motion["quantiles"][-1] == pytest.approx(3.8)
    assert motion["quantiles"][500] == pytest.approx(1.9)
    assert client.get("/api/column", params={"name": "motion_score", "scale": "log"}).json()["axis"]["scale"] == "log"
    label = client.get("/api/column", params={"name": "label"}).json()
    assert label == {
        "kind": "text",
        "values": ["cat", "dog"],
        "counts": [16, 12],
        "num_distinct": 2,
        "nulls": 12,
        "is_complete": True,
    }
    empty = client.get("/api/column", params={"name": "lost_s"}).json()
    assert (sum(empty["counts"]), empty["nulls"], empty["quantiles"]) == (0, 40, [])
    for params in ({"name": "motion_scor"}, {"name": "video_transitions"}, {}):
        assert client.get("/api/column", params=params).status_code == 400
    assert client.get("/api/column", params={"name": "motion_score", "scale": "x"}).status_code == 422


def test_bars_of_what_is_kept(client: TestClient) -> None:
    columns = [{"name": "motion_score"}, {"name": "label"}, {"name": "source"}]
    bars = _ask(client, "kept", rules=[{"motion_score": {"max": 0.95}}], columns=columns)
    assert sum(bars["motion_score"]) == 10
    assert bars["label"] == [4, 4]
    again = _ask(client, "kept", rules=[{"motion_score": {"max": 1.95}}], columns=columns)
    assert again["label"] == [8, 8]
    assert len(again["source"]) == 10


class TestGallery:
    def test_next_to_a_threshold(self, client: TestClient) -> None:
        question = {"rules": RULES, "rule": 0, "side": "high", "limit": 3}
        dropped = _ask(client, "gallery", fate="dropped", **question)["clips"]
        kept = _ask(client, "gallery", fate="kept", **question)["clips"]
        assert _numbers(dropped) == [31, 33, 34]  # 32 holds text too
        assert _numbers(kept) == [30, 29, 27]
        assert dropped[0]["values"] == {"motion_score": pytest.approx(3.1), "text_area": 0}
        assert dropped[0]["dropped_by"] == ["motion_score: max 3"]
        assert (dropped[0]["source"], dropped[0]["start_s"], dropped[0]["end_s"]) == ("videos/v07.mp4", 9.0, 11.0)
        more = _ask(client, "gallery", fate="dropped", offset=3, **question)["clips"]
        assert _numbers(more) == [35, 37, 38]

    def test_random_ones(self, client: TestClient) -> None:
        kept = _numbers(_ask(client, "gallery", rules=RULES, fate="kept", limit=100)["clips"])
        dropped = _numbers(_ask(client, "gallery", rules=RULES, fate="dropped", limit=100)["clips"])
        assert sorted(kept) == [index for index in range(31) if index % 4]
        assert sorted(kept + dropped) == list(range(NUM_CLIPS))

    def test_of_a_rule_without_order(self, client: TestClient) -> None:
        rules = [{"label": {"in": ["cat"]}}, {"motion_score": {"max": 1.55}}]
        dropped = _ask(client, "gallery", rules=rules, rule=0, fate="dropped", limit=100)["clips"]
        assert sorted(_numbers(dropped)) == [4, 5, 6, 7, 8, 9, 10, 11]

    def test_of_a_rule_that_is_not_there(self, client: TestClient) -> None:
        for rule in (-1, 5):
            body = {"rules": RULES, "rule": rule, "side": "low", "fate": "kept"}
            assert client.post("/api/gallery", json=body).status_code == 400


def test_two_filters(client: TestClient) -> None:
    found = _ask(client, "compare", a=RULES, b=[{"motion_score": {"min": 2}}, {"none": {"min": 1}}], limit=100)
    assert sorted(_numbers(found["only_b"]["clips"])) == sorted({*range(31, 39), 20, 24, 28})
    assert sorted(_numbers(found["only_a"]["clips"])) == [index for index in range(20) if index % 4]
    assert found["only_b"]["amount"]["clips"] == 11
    assert found["both"]["clips"] + found["only_a"]["amount"]["clips"] == found["a"]["clips"]
    assert sum(found[key]["clips"] for key in ("both", "neither")) + 11 + 15 == NUM_CLIPS
    assert found["left_out"]["a"] == []
    assert "no such column" in found["left_out"]["b"][0]
    assert found["only_a"]["clips"][0]["dropped_by"] == ["motion_score: min 2"]


def test_the_place_of_a_clip_and_all_that_is_known_of_it(client: TestClient) -> None:
    place = _ask(client, f"clips/{_clip(5)}", rules=RULES)
    assert place["clip"]["clip_id"] == _clip(5)
    assert [(span["start_s"], span["kept"]) for span in place["siblings"]] == [
        (0, False),
        (3, True),
        (6, True),
        (9, True),
    ]
    assert place["dropped_by"] == []
    assert _ask(client, f"clips/{_clip(36)}", rules=RULES)["dropped_by"] == [
        "motion_score: max 3",
        "text_area: max 0.07",
    ]
    told = client.get(f"/api/clips/{_clip(1)}").json()
    assert told["annotations"]["optical_flow"] == {"motion_score": pytest.approx(0.1), "optical_flow_error": None}
    assert told["annotations"]["clips"]["media"] == f"media/v0/v00/{_clip(1)}.mp4"
    assert told["source"]["video_duration_s"] == 12
    assert [mark["kind"] for mark in told["transitions"]] == ["cut", "fade", "dissolve"]
    assert told["has_contact_sheet"]
    assert not client.get(f"/api/clips/{_clip(7)}").json()["has_contact_sheet"]
    for unknown in ("x", "f" * 32):
        assert client.get(f"/api/clips/{unknown}").status_code == 404
        assert client.post(f"/api/clips/{unknown}", json={"rules": []}).status_code == 404


def test_a_threshold_in_the_other_form(client: TestClient) -> None:
    there = _ask(client, "convert", column="motion_score", spec={"drop_lowest": "25%"}, to="values")["spec"]
    assert there == {"min": 1.0}
    back = _ask(client, "convert", column="motion_score", spec=there, to="percentiles")["spec"]
    kept = [_ask(client, "evaluate", rules=[{"motion_score": spec}])["kept"] for spec in (there, back)]
    assert kept[0] == kept[1]
    texts = {"column": "source", "spec": {"matches": "a"}, "to": "percentiles"}
    assert client.post("/api/convert", json=texts).status_code == 400
    wrong = {"column": "motion_score", "spec": {"min": "x"}, "to": "values"}
    assert client.post("/api/convert", json=wrong).status_code == 400


class TestSaving:
    def test_a_new_filter(self, client: TestClient, config: Path) -> None:
        body = {"name": "mine", "rules": RULES, "description": "ours: calm"}
        told = _ask(client, "save", **body)
        assert config.read_text() == YAML.replace(
            "\nrecipes",
            "\n  mine:\n    description: 'ours: calm'\n    rules:\n      - motion_score: {max: 3}\n"
            "      - text_area: {max: 0.07}\n\nrecipes",
        )
        assert told["place"] == f"{config}:12"
        found = load_filter(load_config(config), "mine")
        assert found.to_dict() == {"description": "ours: calm", "rules": RULES}

    def test_a_name_that_is_taken(self, client: TestClient, config: Path) -> None:
        body = {"name": "calm", "rules": [{"text_area": {"max": 0.01}}], "description": "slow and without text"}
        refused = client.post("/api/save", json=body)
        assert (refused.status_code, refused.json()["exists"]) == (409, True)
        assert config.read_text() == YAML
        _ask(client, "save", overwrite=True, **body)
        assert config.read_text() == YAML.replace("      - motion_score: {max: 3} # not too fast\n", "").replace(
            "max: 0.07", "max: 0.01"
        )

    def test_an_installed_name_is_taken_too(self, client: TestClient) -> None:
        assert client.post("/api/save", json={"name": "lvd-f", "rules": RULES}).status_code == 409

    def test_what_cannot_be_a_filter(self, client: TestClient, config: Path) -> None:
        refused = client.post("/api/save", json={"name": "mine", "rules": [{"motion_score": {"mim": 1}}]})
        assert refused.status_code == 400
        assert 'did you mean "min"' in refused.json()["error"]
        assert config.read_text() == YAML

    def test_a_file_that_is_wrong(self, client: TestClient, config: Path) -> None:
        config.write_text("filters: [\n")
        refused = client.post("/api/save", json={"name": "mine", "rules": RULES})
        assert (refused.status_code, "not valid YAML" in refused.json()["error"]) == (400, True)
        assert config.read_text() == "filters: [\n"

    def test_a_folder_that_cannot_be_written_to(self, client_of: Client, config: Path) -> None:
        client = client_of()
        config.unlink()
        client.app_state["session"].target = config.parent / "gone" / "filters.yaml"
        refused = client.post("/api/save", json={"name": "mine", "rules": RULES})
        assert (refused.status_code, "cannot be written" in refused.json()["error"]) == (400, True)

    def test_a_folder_in_the_place_of_the_file_is_told_at_once(self, playable: Path, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="is no file"):
            Session(Storage(str(playable)), tmp_path)

    def test_a_file_that_is_not_there_yet_and_one_with_permissions(self, client: TestClient, config: Path) -> None:
        config.unlink()
        assert _ask(client, "save", name="mine", rules=RULES)["is_new_file"]
        assert config.read_text().startswith("filters:\n  mine:\n")
        config.chmod(0o600)
        _ask(client, "save", name="more", rules=RULES)
        assert config.stat().st_mode & 0o777 == 0o600
        assert [path.name for path in config.parent.iterdir() if path.name.startswith(".")] == []

    def test_line_ends_of_windows_stay(self, client: TestClient, config: Path) -> None:
        config.write_bytes(YAML.replace("\n", "\r\n").encode())
        _ask(client, "save", name="mine", rules=RULES)
        saved = config.read_bytes()
        assert saved.count(b"\n") == saved.count(b"\r\n") > YAML.count("\n")

    def test_a_full_disk_leaves_nothing_beside_the_file(
        self, client: TestClient, config: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        before = sorted(config.parent.iterdir())
        monkeypatch.setattr(os, "replace", full)
        refused = client.post("/api/save", json={"name": "mine", "rules": RULES})
        assert (refused.status_code, "cannot be written: No space left" in refused.json()["error"]) == (400, True)
        assert (config.read_text(), sorted(config.parent.iterdir())) == (YAML, before)

    def test_the_installed_file_is_never_written_to(self, playable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        session = Session(Storage(str(playable)), default_config_path())
        assert "installed with the package" in session.cannot_save
        monkeypatch.chdir(default_config_path().parent)
        assert "installed with the package" in Session(Storage(str(playable))).cannot_save


def test_a_dataset_that_has_grown_is_read_again_with_the_page(client_of: Client, dataset: Path) -> None:
    client = client_of(url=str(dataset))
    assert "clip_similarity" not in client.get("/api/dataset").json()["scores"]
    values = {"clip_similarity": [0.3] * NUM_CLIPS}
    write_annotation(Storage(str(dataset)), "clip_similarity", values, [_clip(index) for index in range(NUM_CLIPS)])
    assert "clip_similarity" in client.get("/api/dataset").json()["scores"]
    assert _ask(client, "evaluate", rules=[{"clip_similarity": {"min": 0.25}}])["kept"]["clips"] == NUM_CLIPS


def test_a_dataset_without_clips(client_of: Client, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "dataset.json").write_text(json.dumps({"format_version": 1}))
    client = client_of(url=str(tmp_path / "empty"))
    assert client.get("/api/dataset").json()["total"] == {"clips": 0, "seconds": 0}
    assert _ask(client, "evaluate", rules=[{"duration_s": {"min": 1}}])["kept"]["clips"] == 0
    assert _ask(client, "gallery", rules=[], fate="kept")["clips"] == []
    assert client.get("/api/column", params={"name": "duration_s"}).json()["quantiles"] == []


def test_a_rule_in_sql_without_end_is_told_and_the_others_are_judged(client: TestClient, playable: Path) -> None:
    numbers = "list_sum(list_transform(range(1000000), lambda i: i * {}))"
    endless = numbers.format(numbers.format("i").replace("lambda i", "lambda j").replace("* i", "* j"))
    rules = [*RULES, {"sql": f"{endless} > motion_score", "name": "heavy", "timeout_s": 0.5}]
    for _ in range(2):
        answer = _ask(client, "evaluate", rules=rules)
        assert answer["rules"][2]["error"] == (
            "sql: takes longer than 0.5 s; make it simpler, or allow more with timeout_s beside sql"
        )
        assert answer["kept"] == _ask(client, "evaluate", rules=RULES)["kept"]
