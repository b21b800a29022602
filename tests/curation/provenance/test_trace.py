"""`curation trace`: where a clip comes from, how its values were made, what filters say, where it is packed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from curation.config import default_config_path, load_config, resolve_pipeline
from curation.config.fingerprint import annotator_fingerprint, parameters_by_fingerprint
from curation.dataset.description import MADE_WITH, describe, read_description
from curation.dataset.storage import Storage
from curation.filters.selection import read_selection
from tests.curation.provenance.conftest import ALSO_GONE, GONE
from tests.curation.shards.conftest import pack
from tests.curation.small_dataset import PIPELINE, clip_ids_of, write_dataset

Call = Callable[..., subprocess.CompletedProcess[str]]


def traced(storage: Storage, clip: str, curation_here: Call) -> dict[str, Any]:
    done = curation_here("trace", storage.root, clip, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_everything_that_is_known(packed: Storage, curation_here: Call) -> None:
    clip_id = clip_ids_of(packed, GONE)[0]
    found = traced(packed, clip_id, curation_here)
    clip = found["clip"]
    assert (clip["clip_id"], clip["source"], clip["time_base"]) == (clip_id, GONE, "1/12")
    assert clip["end_s"] - clip["start_s"] == 1.0
    assert found["video"]["duplicates"] == [ALSO_GONE]
    assert Path(found["media"]["path"]).name == f"{clip_id}.mp4"
    assert found["media"]["is_there"]
    stages = {stage["stage"]: stage for stage in found["stages"]}
    assert stages["clipping"]["config"]["mode"] == "smart"
    flow = stages["optical_flow"]
    assert flow["fingerprint"] == annotator_fingerprint(PIPELINE, "optical_flow")
    assert (flow["version"], flow["config"]["fps"]) == (1, 2.0)
    assert flow["values"]["motion_score"] > 0
    (shard,) = found["shards"]
    offset, size = shard["members"]["mp4"]
    data = (Path(shard["shards"]) / shard["shard"]).read_bytes()[offset : offset + size]
    assert data == packed.read_bytes(clip["media"])


def test_every_stage_of_a_pipeline_is_told_by_its_fingerprint() -> None:
    lvd = resolve_pipeline(load_config(default_config_path()), "lvd", [])
    found = {stage["name"]: stage for stages in parameters_by_fingerprint(lvd).values() for stage in stages}
    assert found.keys() == {stage.name for stage in lvd.stages}
    assert (found["dedup"]["version"], found["dedup"]["config"]["min_similarity"]) == (1, 0.95)


def test_what_filters_say(packed: Storage, curation_here: Call) -> None:
    slow = read_selection(packed, "slow").rows.to_pylist()
    for is_kept in (True, False):
        row = next(row for row in slow if row["kept"] is is_kept)
        said = {one["filter"]: one for one in traced(packed, row["clip_id"], curation_here)["filters"]}
        assert said["all"]["kept"]
        assert (said["slow"]["kept"], said["slow"]["reason"]) == (is_kept, row["reason"])
        assert not said["slow"]["is_stale"]


def test_as_text(packed: Storage, curation_here: Call) -> None:
    clip_id = clip_ids_of(packed, GONE)[0]
    shown = curation_here("trace", packed.root, clip_id[:12]).stdout
    for text in (clip_id, GONE, ALSO_GONE, "PTS", "motion_score = ", "fps: 2.0", "filter slow", "all/00000", "mp4 at"):
        assert text in shown


def test_shards_elsewhere(dataset: Storage, tmp_path: Path, curation_here: Call) -> None:
    pack(dataset, tmp_path / "elsewhere")
    found = traced(dataset, clip_ids_of(dataset)[0], curation_here)["shards"]
    assert [one["shards"] for one in found] == [f"{dataset.root}/shards/all", str(tmp_path / "elsewhere")]


def test_a_clip_that_nothing_was_done_with(tmp_path: Path, curation_here: Call) -> None:
    storage = write_dataset(tmp_path / "dataset", {"/v/a.mp4": 1}, captions=())
    (clip_id,) = clip_ids_of(storage)
    found = traced(storage, clip_id[:4], curation_here)
    assert (found["filters"], found["shards"]) == ([], [])
    Path(found["media"]["path"]).unlink()
    assert "the file is missing" in curation_here("trace", storage.root, clip_id).stdout


@pytest.mark.parametrize(
    ("clip", "told"), [("abc", "a clip_id is 32"), ("Z" * 100_000, "a clip_id is 32"), ("0" * 32, "no clip has an id")]
)
def test_no_such_clip(clip: str, told: str, packed: Storage, curation_here: Call) -> None:
    done = curation_here("trace", packed.root, clip)
    assert (done.returncode, done.stderr.count("\n"), told in done.stderr) == (2, 1, True)
    assert len(done.stderr) < 400


def test_digits_that_begin_several_ids(dataset: Storage, curation_here: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curation.provenance.trace._DIGITS", __import__("re").compile("[0-9a-f]*"))
    done = curation_here("trace", dataset.root, "")
    assert "begins the ids of 10 clips: " in done.stderr


def test_parameters_stay_known_as_long_as_rows_were_made_with_them(tmp_path: Path) -> None:
    storage = write_dataset(tmp_path / "dataset", {"/v/a.mp4": 1}, captions=())
    before = read_description(storage)[MADE_WITH]
    describe(storage, PIPELINE.to_dict(), {"0" * 16: [{"name": "new"}]})
    assert read_description(storage)[MADE_WITH] == {
        **{made: stages for made, stages in before.items() if stages[0]["name"] != "text_detection"},
        "0" * 16: [{"name": "new"}],
    }
    assert before.items() >= parameters_by_fingerprint(PIPELINE).items()
