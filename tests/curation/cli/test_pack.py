"""`curation pack` as a user calls it: what goes wrong is told, and the rest is packed."""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from botocore.exceptions import EndpointConnectionError

from curation.dataset.journal import CLIPS, table_of
from curation.dataset.storage import Storage
from curation.shards.reader import ShardReader
from tests.curation.small_dataset import clip_ids_of, files_of, select, write_dataset

Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Storage:
    storage = write_dataset(tmp_path_factory.mktemp("cli") / "dataset", {"/v/a.mp4": 4, "/v/b.mp4": 2})
    select(storage)
    select(storage, "none", [{"motion_score": {"min": 1000}}])
    select(storage, "one", [{"clip_id": {"in": [clip_ids_of(storage)[0]]}}])
    return storage


@pytest.fixture
def dataset(unchanged: Storage, tmp_path: Path) -> Storage:
    shutil.copytree(unchanged.root, tmp_path / "dataset")
    return Storage(str(tmp_path / "dataset"))


def media_of(storage: Storage) -> list[str]:
    table = table_of(storage, CLIPS).read(["media"])
    assert table is not None
    return sorted(table["media"].to_pylist())


def test_all_of_it(dataset: Storage, curation_here: Call) -> None:
    done = curation_here("pack", dataset.root, "--filter", "all", "--shard-size", "2", "--vector", "clip_embedding")
    assert (done.returncode, done.stderr) == (0, "")
    assert "samples  6" in done.stdout
    assert "shards   3" in done.stdout
    shards = ShardReader(f"{dataset.root}/shards/all")
    assert sorted(shards.key(position) for position in range(len(shards))) == clip_ids_of(dataset)
    again = curation_here("pack", dataset.root, "--filter", "all", "--shard-size", "2", "--vector", "clip_embedding")
    assert "(3 there already)" in again.stdout


def test_one_clip(dataset: Storage, curation_here: Call) -> None:
    assert curation_here("pack", dataset.root, "--filter", "one").returncode == 0
    assert [sample["__key__"] for sample in ShardReader(f"{dataset.root}/shards/one")] == clip_ids_of(dataset)[:1]


def test_clips_that_are_missing_or_damaged_are_left_out_and_told(dataset: Storage, curation_here: Call) -> None:
    words = ("pack", dataset.root, "--filter", "all", "--shard-size", "2")
    assert curation_here(*words, "-o", f"{dataset.root}-wanted").returncode == 0
    missing, shorter, changed, *_ = (Path(dataset.path(name)) for name in media_of(dataset))
    whole = {path: path.read_bytes() for path in (missing, shorter, changed)}
    missing.unlink()
    shorter.write_bytes(whole[shorter][:-5])
    changed.write_bytes(whole[changed][:-5] + b"12345")
    done = curation_here(*words)
    assert done.returncode == 1
    assert "3 clips are left out" in done.stdout
    told = {one["clip_id"]: one["reason"] for one in manifest_of(dataset)["left_out"]}
    assert told.keys() == {path.stem for path in whole}
    assert "is missing" in told[missing.stem]
    assert f"is damaged: {len(whole[shorter]) - 5:,} bytes instead of {len(whole[shorter]):,}" in told[shorter.stem]
    assert "is damaged: it holds other bytes than were written" in told[changed.stem]
    assert all(reason in done.stdout for reason in told.values())
    assert sorted(s["__key__"] for s in ShardReader(f"{dataset.root}/shards/all")) == sorted(
        set(clip_ids_of(dataset)) - told.keys()
    )
    for path, data in whole.items():
        path.write_bytes(data)
    assert curation_here(*words).returncode == 0
    assert files_of(f"{dataset.root}/shards/all") == files_of(f"{dataset.root}-wanted")


def test_no_shard_is_empty(dataset: Storage, curation_here: Call) -> None:
    gone, *_ = (Path(dataset.path(name)) for name in media_of(dataset))
    gone.unlink()
    assert curation_here("pack", dataset.root, "--filter", "all", "--shard-size", "1").returncode == 1
    names = [shard["name"] for shard in manifest_of(dataset)["shards"]]
    assert names == sorted(path.name for path in Path(dataset.root, "shards", "all").glob("*.tar"))
    assert len(names) == 5
    shutil.rmtree(dataset.path("media"))
    assert curation_here("pack", dataset.root, "--filter", "all", "--seed", "5").returncode == 1
    assert manifest_of(dataset)["shards"] == []
    assert list(Path(dataset.root, "shards", "all").glob("*.tar")) == []


def test_a_selection_of_an_older_state(dataset: Storage, curation_here: Call) -> None:
    table_of(dataset, CLIPS).remove({"nothing"})
    part = dataset.files("annotations/coca")[0]
    dataset.write_bytes(part.replace("part-000000", "part-000001"), dataset.read_bytes(part))
    dataset.delete([part])
    done = curation_here("pack", dataset.root, "--filter", "all")
    assert done.returncode == 2
    assert f"curation filter {dataset.root} --filter all" in done.stderr
    assert "--stale-ok" in done.stderr
    assert curation_here("pack", dataset.root, "--filter", "all", "--stale-ok").returncode == 0


def test_a_selected_clip_that_is_no_longer_there(dataset: Storage, curation_here: Call) -> None:
    clips = table_of(dataset, CLIPS).read(["clip_id", "video_id", "source"])
    assert clips is not None
    table_of(dataset, CLIPS).remove({row["video_id"] for row in clips.to_pylist() if row["source"] == "/v/b.mp4"})
    done = curation_here("pack", dataset.root, "--filter", "all", "--stale-ok")
    assert done.returncode == 1
    told = manifest_of(dataset)["left_out"]
    assert [one["reason"] for one in told] == ["the dataset has it no longer"] * 2
    assert manifest_of(dataset)["counts"]["samples"] == 4


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--filter", "none"], "the filter none keeps no clip: nothing to pack; see what each rule drops"),
        (["--filter", "lvd-f"], "curation filter"),
        (["--filter", "../all"], "letters"),
        (["--filter", "all", "--shard-size", "many"], "--shard-size: a number of samples such as 1000"),
        (["--filter", "all", "--captions", "caption_lm=1"], 'did you mean "caption_llm"'),
        (["--filter", "all", "--vector", "clip_embeding"], 'did you mean "clip_embedding"'),
        (["--filter", "all", "--codec", "vp9"], "codec"),
        (["--filter", "all", "--fps", "inf"], "--fps inf: should be a number"),
        (["--filter", "all", "--output", "{media}"], "holds other things"),
        (["--filter", "all", "--output", "nosuch://x"], "nosuch"),
    ],
)
def test_mistakes_are_one_line(words: list[str], told: str, unchanged: Storage, curation_here: Call) -> None:
    words = [word.format(media=unchanged.path("media")) for word in words]
    done = curation_here("pack", unchanged.root, *words)
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_no_dataset(tmp_path: Path, curation_here: Call) -> None:
    done = curation_here("pack", tmp_path, "--filter", "all")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "not a dataset" in done.stderr


def test_a_full_disk_stops_it_and_leaves_nothing_half(
    dataset: Storage, curation_here: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    from curation.shards.tar import TarWriter

    def full(self: TarWriter) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(TarWriter, "_write", full)
        done = curation_here("pack", dataset.root, "--filter", "all")
    assert done.returncode == 2
    assert "no space left to write" in done.stderr
    assert "give the same command again" in done.stderr
    folder = Path(dataset.root, "shards", "all")
    assert [path for path in folder.rglob("*") if path.suffix == ".tar" or path.name.startswith(".aside")] == []
    assert curation_here("pack", dataset.root, "--filter", "all").returncode == 0


@pytest.mark.parametrize("operation", ["exists", "write_bytes"])
@pytest.mark.parametrize("error", [OSError("no such\nbucket"), EndpointConnectionError(endpoint_url="x")])
def test_a_store_that_refuses_is_one_line(
    operation: str,
    error: Exception,
    unchanged: Storage,
    tmp_path: Path,
    curation_here: Call,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usual, output = getattr(Storage, operation), str(tmp_path / "bucket")

    def refusing(self: Storage, *arguments: object) -> object:
        if self.root == output:
            raise error
        return usual(self, *arguments)

    monkeypatch.setattr(Storage, operation, refusing)
    done = curation_here("pack", unchanged.root, "--filter", "all", "--output", output)
    assert done.returncode == 2
    told = " ".join(str(error).split())
    assert done.stderr == f"error: {output}: {told}; give the same command again when it can be reached\n"


def test_two_at_a_time_are_refused(dataset: Storage, curation_here: Call) -> None:
    from curation.dataset.lock import only_writer
    from curation.shards.folder import only_packer

    with only_packer(Storage(f"{dataset.root}/shards/all")):
        done = curation_here("pack", dataset.root, "--filter", "all")
        assert (done.returncode, "another pack is writing there" in done.stderr) == (2, True)
    with only_writer(dataset):
        done = curation_here("pack", dataset.root, "--filter", "all")
        assert (done.returncode, "another run is writing" in done.stderr) == (2, True)


def manifest_of(storage: Storage) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = json.loads(storage.read_bytes("shards/all/manifest.json"))
    return found
