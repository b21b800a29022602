"""A takedown: nothing of the source is left, everything else is as it was, whenever it was killed."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from curation.dataset.description import read_description
from curation.dataset.fingerprint import dataset_fingerprint
from curation.dataset.journal import CLIPS, VIDEOS, fold, record_annotations, table_of
from curation.dataset.lock import only_writer
from curation.dataset.schema import annotation_schema
from curation.dataset.storage import Storage
from curation.dataset.table import read_part, write_part
from curation.errors import DiskFullError, UserError
from curation.filters.apply import apply_filter
from curation.filters.load import filter_of
from curation.filters.selection import read_selection, write_selection
from curation.filters.table import ClipTable
from curation.provenance.find import find_videos
from curation.provenance.removal import plan_removal, read_pending, write_pending
from curation.provenance.removed import Removed
from curation.provenance.take_out import carry_out
from curation.shards.manifest import read_manifest
from curation.shards.reader import ShardReader
from tests.curation.provenance.conftest import ALSO_GONE, GONE, OTHER, STAYS
from tests.curation.provenance.mortality import Killed, Mortality
from tests.curation.provenance.remains import remains
from tests.curation.shards.conftest import pack
from tests.curation.small_dataset import clip_ids_of, files_of, select

Call = Callable[..., subprocess.CompletedProcess[str]]


def needles(storage: Storage) -> list[bytes]:
    """Every id and every file of the source's clips, and its names."""
    clips = table_of(storage, CLIPS).read(["clip_id", "source", "media"])
    assert clips is not None
    rows = [row for row in clips.to_pylist() if row["source"] == GONE]
    assert len(rows) == 3
    ids, files = [row["clip_id"].encode() for row in rows], [storage.read_bytes(row["media"]) for row in rows]
    return [*ids, *files, GONE.encode(), ALSO_GONE.encode()]


def members(folder: str) -> dict[str, bytes]:
    """The content of every member of every shard."""
    reader = ShardReader(folder)
    names = [(place, member) for place in range(len(reader)) for member in reader.members]
    return {f"{reader.key(place)}.{member}": reader.read(place, member) for place, member in names}


def test_nothing_of_the_source_is_left(dataset: Storage, curation_here: Call) -> None:
    wanted, video_id = needles(dataset), find_videos(dataset, [GONE])[0][0].video_id
    for name in (f"media/{video_id[:2]}/{video_id}/half.mp4", ".aside-1", "shards/all/.aside-2"):
        dataset.write_bytes(name.replace(".aside-", "was-aside-"), wanted[3])
    for name in (".aside-1", "shards/all/.aside-2"):
        Path(dataset.path(name.replace(".aside-", "was-aside-"))).rename(dataset.path(name))
    dataset.write_bytes("shards/all/.nv-meta/index.sqlite", wanted[0])
    before = remains(dataset.root, wanted)
    assert any(name.endswith(".tar") for name in before)
    assert {"selections/all.parquet", "shards/all/index.parquet", "_state/sources.parquet"} < set(before)
    dataset.write_bytes("report.html", b"a page of the user's")
    done = curation_here("remove", dataset.root, "--source", GONE, "--reason", "takedown 12", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Not looked into, as they are no part of a dataset: report.html\n" in done.stdout
    assert remains(dataset.root, wanted) == []
    assert remains(dataset.root, [video_id.encode()]) == ["removals.jsonl"]
    (entry,) = [json.loads(line) for line in dataset.read_bytes("removals.jsonl").splitlines()]
    assert (entry["event"], entry["reason"], entry["video_id"]) == ("removed", "takedown 12", video_id)
    assert entry["sources_sha256"] == [hashlib.sha256(name.encode()).hexdigest() for name in (GONE, ALSO_GONE)]
    assert entry["removal"]["clips"] == 3


def test_everything_else_is_as_it_was(dataset: Storage, curation_here: Call) -> None:
    gone = set(clip_ids_of(dataset, GONE))
    folder = Path(dataset.root, "shards", "all")
    before, samples = files_of(dataset.root), members(str(folder))
    files = {path.name: path.stat().st_ino for path in folder.glob("*.tar")}
    reader = ShardReader(str(folder))
    touched = {reader.place(reader.position(key))["shard"] for key in gone}
    curation_here("remove", dataset.root, "--source", GONE, "--yes")

    assert members(str(folder)) == {name: data for name, data in samples.items() if name[:32] not in gone}
    left = {path.name: path.stat().st_ino for path in folder.glob("*.tar")}
    assert left.keys() == {shard["name"] for shard in read_manifest(Storage(str(folder)))["shards"]}
    assert {name for name in files if left.get(name) != files[name]} == touched
    media = {name: data for name, data in before.items() if name.startswith("media")}
    stays = {name: data for name, data in media.items() if name[-36:-4] not in gone}
    assert {n: data for n, data in files_of(dataset.root).items() if n.startswith("media")} == stays
    assert clip_ids_of(dataset) == sorted(clip_ids_of(dataset, STAYS) + clip_ids_of(dataset, OTHER))
    assert read_description(dataset)["counts"]["clips"] == 7
    rows = duckdb.sql(f"SELECT count(*) FROM '{dataset.root}/annotations/coca/*.parquet'").fetchall()
    assert rows == [(7,)]


def test_shards_and_selections_fit_together_afterwards(dataset: Storage, curation_here: Call) -> None:
    curation_here("remove", dataset.root, "--source", GONE, "--yes")
    for name in ("all", "slow"):
        selection = read_selection(dataset, name)
        assert not selection.is_stale(dataset)
        assert selection.rows["clip_id"].to_pylist() == clip_ids_of(dataset)
    folder = Storage(f"{dataset.root}/shards/all")
    manifest = read_manifest(folder)
    assert manifest["dataset_fingerprint"] == dataset_fingerprint(dataset)
    for shard in manifest["shards"]:
        data = folder.read_bytes(shard["name"])
        assert (shard["sha256"], shard["bytes"]) == (hashlib.sha256(data).hexdigest(), len(data))
    listed = json.loads(folder.read_bytes("shards.json"))["shardlist"]
    assert [(one["url"], one["nsamples"]) for one in listed] == [(s["name"], s["samples"]) for s in manifest["shards"]]
    assert manifest["counts"]["samples"] == sum(one["nsamples"] for one in listed) == 7
    assert manifest["counts"]["seconds"] == 7.0
    packed = pack(dataset, folder, samples=2)
    assert packed.manifest["counts"]["samples"] == 7


@pytest.mark.parametrize("name", [ALSO_GONE, "/v/taken*", "{video_id}", "taken-down.mp4"])
def test_other_names_of_the_source(
    name: str, packed: Storage, dataset: Storage, curation_here: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curation.provenance.find.local_name", lambda path: f"/v/{path}")  # as if called in /v
    name = name.format(video_id=find_videos(packed, [GONE])[0][0].video_id)
    assert curation_here("remove", dataset.root, "--source", name, "--yes", "--quiet").returncode == 0
    assert remains(dataset.root, needles(packed)) == []


def test_values_of_other_clips_that_name_it_go_too(dataset: Storage, curation_here: Call) -> None:
    gone, stays = clip_ids_of(dataset, GONE), clip_ids_of(dataset, STAYS)
    schema = annotation_schema("dedup", {"duplicate_of": pa.string()})
    rows = [{"clip_id": i, "duplicate_of": gone[0] if i == stays[0] else None} for i in clip_ids_of(dataset)]
    record_annotations(dataset, "dedup", pa.Table.from_pylist(rows, schema=schema), "f" * 16)
    fold(dataset)
    select(dataset)
    pack(dataset, f"{dataset.root}/shards/all", samples=2)
    wanted = needles(dataset)
    done = curation_here("remove", dataset.root, "--source", GONE, "--yes")
    assert "curation annotate" in done.stdout
    assert "--stage dedup" in done.stdout
    assert remains(dataset.root, wanted) == []
    dedup = table_of(dataset, "annotations/dedup").read()
    assert dedup is not None
    assert set(clip_ids_of(dataset)) - set(dedup["clip_id"].to_pylist()) == {stays[0]}
    reader = ShardReader(f"{dataset.root}/shards/all")
    sample = reader[reader.position(stays[0])]
    assert sample["json"]["duplicate_of"] is None
    assert sample["json"]["motion_score"] is not None


def test_shards_elsewhere_and_copies_of_shards(dataset: Storage, tmp_path: Path, curation_here: Call) -> None:
    wanted = needles(dataset)
    pack(dataset, tmp_path / "elsewhere", samples=3)
    shutil.copytree(tmp_path / "elsewhere", tmp_path / "copy")
    copy = str(tmp_path / "copy")
    done = curation_here("remove", dataset.root, "-s", GONE, "--yes", "--shards", copy)
    assert done.returncode == 0
    for folder in (tmp_path / "elsewhere", tmp_path / "copy"):
        assert remains(folder, wanted) == []
        assert len([sample["mp4"] for sample in ShardReader(str(folder))]) == 7


def test_a_pack_that_was_interrupted(dataset: Storage, curation_here: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted, folder = needles(dataset), f"{dataset.root}/shards/all"

    def killed(*arguments: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr("curation.shards.pack.publish", killed)
        with pytest.raises(KeyboardInterrupt):
            pack(dataset, folder, samples=3)
    assert remains(folder, wanted)
    curation_here("remove", dataset.root, "--source", GONE, "--yes")
    assert remains(dataset.root, wanted) == []
    pack(dataset, folder, samples=3)
    pack(dataset, f"{folder}-anew", samples=3)
    assert files_of(folder) == files_of(f"{folder}-anew")


def test_killed_at_every_operation_and_finished_later(packed: Storage, tmp_path: Path) -> None:
    dataset = Storage(str(tmp_path / "dataset"))
    shutil.copytree(packed.root, dataset.root)
    removal = plan_removal(dataset, find_videos(dataset, [GONE])[0])
    write_pending(dataset, removal)
    carry_out(dataset, removal)
    wanted, gone = files_of(dataset.root), needles(packed)
    killed = 0
    for life in range(200):
        shutil.rmtree(dataset.root)
        shutil.copytree(packed.root, dataset.root)
        write_pending(dataset, removal)
        with pytest.MonkeyPatch.context() as monkeypatch:
            mortality = Mortality(monkeypatch, life)
            try:
                carry_out(dataset, removal)
            except Killed:
                killed += 1
        begun = read_pending(dataset)
        if begun is not None:
            carry_out(dataset, begun)
        assert files_of(dataset.root) == wanted, f"killed before operation {life}"
        if mortality.life > 0:
            break
    assert killed > 25
    assert remains(dataset.root, gone) == []


@pytest.mark.parametrize("words", [[], ["--source", GONE]])
def test_an_interrupted_removal_comes_first(words: list[str], dataset: Storage, curation_here: Call) -> None:
    wanted = needles(dataset)
    write_pending(dataset, plan_removal(dataset, find_videos(dataset, [GONE])[0]))
    for command in (
        ["pack", dataset.root, "--filter", "all"],
        ["annotate", dataset.root, "--stage", "optical_flow"],
        ["filter", dataset.root, "--filter", "quickstart", "--skip-missing"],
    ):
        done = curation_here(*command)
        assert (done.returncode, f"finish it first: curation remove {dataset.root}" in done.stderr) == (2, True)
    done = curation_here("remove", dataset.root, *words, "--yes")
    assert (done.returncode, "An earlier removal was interrupted" in done.stdout) == (0, True)
    assert remains(dataset.root, wanted) == []


@pytest.mark.parametrize(
    "words",
    [
        ["filter", "--filter", "quickstart", "--skip-missing"],
        ["pack", "--filter", "all"],
        ["annotate", "--stage", "optical_flow"],
        ["remove", "--yes"],
    ],
    ids=lambda words: words[0],
)
def test_a_removal_that_is_running_is_waited_for(words: list[str], dataset: Storage, curation_here: Call) -> None:
    with only_writer(dataset, removing=True):
        write_pending(dataset, plan_removal(dataset, find_videos(dataset, [GONE])[0]))
        done = curation_here(words[0], dataset.root, *words[1:])
    told = f"error: {dataset.url}: a removal is running on this dataset; wait until it is done"
    assert (done.returncode, done.stderr.strip()) == (2, told)


def test_a_filter_that_was_reading_meanwhile_leaves_no_selection(dataset: Storage, curation_here: Call) -> None:
    wanted, table = needles(dataset), ClipTable.open(dataset)
    applied = apply_filter(table, filter_of("late", {"rules": []}))
    curation_here("remove", dataset.root, "--source", GONE, "--yes")
    with pytest.raises(UserError, match="the tables have changed while they were read"):
        write_selection(dataset, applied.verdicts, table)
    assert remains(dataset.root, wanted) == []


def test_an_id_that_names_another_folder_is_refused(dataset: Storage, tmp_path: Path, curation_here: Call) -> None:
    """Tables may come from elsewhere."""
    (tmp_path / "mine").mkdir()
    for table in (VIDEOS, CLIPS):
        for part in table_of(dataset, table).parts():
            rows, fingerprint = read_part(dataset, part)
            told = [
                {**row, "video_id": "../../../mine" if row["source"] == GONE else row["video_id"]}
                for row in rows.to_pylist()
            ]
            write_part(dataset, part, pa.Table.from_pylist(told, schema=rows.schema), fingerprint)
    done = curation_here("remove", dataset.root, "--source", GONE, "--yes")
    assert (done.returncode, "is no video_id" in done.stderr) == (2, True)
    assert (tmp_path / "mine").is_dir()


def test_a_full_disk_is_one_line(dataset: Storage, curation_here: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Storage, name: str, data: bytes) -> None:
        raise DiskFullError(f"no space left to write {self.path(name)}")

    with monkeypatch.context() as disk:
        disk.setattr(Storage, "write_bytes", full)
        done = curation_here("remove", dataset.root, "--source", GONE, "--yes")
    told = (
        f"error: no space left to write {dataset.root}/_state/removal.json; make room and give the same command again\n"
    )
    assert (done.returncode, done.stderr) == (2, told)
    assert curation_here("remove", dataset.root, "--source", GONE, "--yes").returncode == 0


def test_asked_again(dataset: Storage, curation_here: Call) -> None:
    curation_here("remove", dataset.root, "--source", GONE, "--yes")
    before = files_of(dataset.root)
    for name in (GONE, ALSO_GONE):
        done = curation_here("remove", dataset.root, "--source", name, "--yes")
        assert (done.returncode, "was taken out before" in done.stdout) == (0, True)
    assert files_of(dataset.root) == before


def test_nothing_changes_unless_it_is_confirmed(dataset: Storage, curation_here: Call) -> None:
    before = files_of(dataset.root)
    done = curation_here("remove", dataset.root, "--source", GONE, "--dry-run")
    assert done.returncode == 0
    assert "1 video with 3 clips" in done.stdout
    assert "3 samples from" in done.stdout
    done = curation_here("remove", dataset.root, "--source", GONE)
    assert (done.returncode, done.stderr) == (2, "error: nothing was removed: confirm it with --yes\n")
    assert files_of(dataset.root) == before


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--source", "/v/taken-dwn.mp4"], 'did you mean "/v/taken-down.mp4"'),
        (["--source", "/x/*"], "no video of"),
        (["--source", "down"], '2 hold it in their names: --source "*down*"'),
        (["--source", GONE, "--shards", "/nowhere"], "no shards of curation pack there"),
        ([], "name a source with --source"),
    ],
)
def test_mistakes_are_one_line(words: list[str], told: str, packed: Storage, curation_here: Call) -> None:
    done = curation_here("remove", packed.root, *words, "--yes")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert told in done.stderr


def test_several_at_once_until_nothing_is_left(dataset: Storage, curation_here: Call) -> None:
    done = curation_here("remove", dataset.root, "--source", "/v/*", "--yes")
    assert "3 videos with 10 clips" in done.stdout
    assert clip_ids_of(dataset) == []
    assert table_of(dataset, VIDEOS).read() is None
    assert len(ShardReader(f"{dataset.root}/shards/all")) == 0
    assert len(Removed.of(dataset).video_ids) == 3
