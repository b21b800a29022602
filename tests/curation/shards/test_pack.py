"""Packing: the same bytes whoever packs, whatever was there before, and at whichever moment it was killed."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest

from curation.dataset.storage import Storage
from curation.errors import DiskFullError
from curation.filters.selection import read_selection
from curation.shards import execution
from curation.shards.manifest import read_manifest
from curation.shards.pack import Packer, PackSettings
from curation.shards.reader import ShardReader
from curation.shards.size import ShardSize
from curation.shards.transcode import Transcode
from tests.curation.shards.conftest import pack
from tests.curation.small_dataset import clip_ids_of, files_of


class Killed(BaseException):
    """Stands for SIGKILL: nothing after it runs."""


class MortalStorage(Storage):
    """Dies before its ``life``-th writing operation."""

    life: int

    def _spend(self) -> None:
        if self.life == 0:
            raise Killed
        self.life -= 1

    def write_bytes(self, name: str, data: bytes) -> None:
        self._spend()
        super().write_bytes(name, data)

    @contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        with super().writing(name) as file:
            yield file
            self._spend()

    def delete(self, names: list[str]) -> None:
        for name in names:
            self._spend()
            super().delete([name])

    def delete_tree(self, folder: str) -> None:
        self._spend()
        super().delete_tree(folder)


def test_the_same_bytes_whatever_the_number_of_workers(
    unchanged: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ray_here: None
) -> None:
    monkeypatch.setattr(execution, "RAY_BYTES", 0)
    started = []
    selection = read_selection(unchanged, "all")
    settings = PackSettings(ShardSize(samples=2), seed=1, transcode=Transcode(short_side=32, fps=6))
    for workers in (1, 2):
        packer = Packer(unchanged, Storage(str(tmp_path / str(workers))), selection, settings)
        packer.watcher.working = lambda what, workers=workers: started.append((workers, what))  # type: ignore[method-assign]
        packer.pack(workers=workers)
    assert started == [(2, "starting Ray")]
    one, two = files_of(tmp_path / "1"), files_of(tmp_path / "2")
    assert one == two
    assert [name for name in one if name.endswith(".tar")] == [f"{n:06d}.tar" for n in range(5)]


class FullStorage(Storage):
    """On a full disk; travels to workers as it is."""

    def __reduce__(self) -> tuple[type[Storage], tuple[str]]:
        return FullStorage, (self.location,)

    def write_bytes(self, name: str, data: bytes) -> None:
        if name.endswith(".record"):
            raise DiskFullError(f"no space left to write {name}")
        super().write_bytes(name, data)


def test_a_full_disk_of_a_worker_is_told_in_one_line(
    unchanged: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ray_here: None
) -> None:
    monkeypatch.setattr(execution, "RAY_BYTES", 0)
    packer = Packer(unchanged, FullStorage(str(tmp_path)), read_selection(unchanged, "all"), PackSettings())
    with pytest.raises(DiskFullError) as raised:
        packer.pack()
    assert re.fullmatch(r"no space left to write \.packing/00000[01]\.tar\.record", str(raised.value))


def test_killed_at_every_operation_and_resumed(unchanged: Storage, tmp_path: Path) -> None:
    """From the shards of an earlier pack, with another order and more of them, to those of a new one."""
    pack(unchanged, tmp_path / "wanted", samples=5, seed=1)
    pack(unchanged, tmp_path / "earlier", samples=4)
    wanted = files_of(tmp_path / "wanted")
    killed = 0
    for life in range(100):
        output = str(tmp_path / f"{life}")
        shutil.copytree(tmp_path / "earlier", output)
        mortal = MortalStorage(output)
        mortal.life = life
        try:
            pack(unchanged, mortal, samples=5, seed=1)
        except Killed:
            killed += 1
        if mortal.exists("manifest.json"):
            assert len([sample["json"] for sample in ShardReader(output)]) == 10, "not whole, but it says so"
        Path(output, ".aside-left-by-a-kill").write_bytes(b"half a shard")
        pack(unchanged, output, samples=5, seed=1)
        assert files_of(output) == wanted, f"killed before operation {life}"
        if mortal.life > 0:
            break
    assert killed > 15


def test_sigkill_and_the_same_command_again(dataset: Storage, tmp_path: Path) -> None:
    wanted, output = tmp_path / "wanted", tmp_path / "killed"
    pack(dataset, wanted, samples=1, transcode=Transcode(short_side=46))
    words = ["curation", "pack", dataset.root, "--filter", "all", "--short-side", "46", "--shard-size", "1"]
    program = str(Path(sys.executable).with_name("curation"))
    killed = subprocess.Popen([*words, "-o", str(output)], executable=program)
    while not (output / "000002.tar").exists():
        assert killed.poll() is None
        time.sleep(0.002)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not (output / "manifest.json").exists(), "it was done before it could be killed"
    before = (output / "000000.tar").stat().st_ino
    pack(dataset, output, samples=1, transcode=Transcode(short_side=46))
    assert files_of(output) == files_of(wanted)
    assert (output / "000000.tar").stat().st_ino == before, "a shard that was there was written again"


def test_only_what_is_not_there_is_written(unchanged: Storage, tmp_path: Path) -> None:
    output = tmp_path / "shards"
    assert pack(unchanged, output).written == 4
    wanted, before = files_of(output), {path.name: path.stat().st_ino for path in output.iterdir()}
    assert pack(unchanged, output).written == 0
    assert {path.name: path.stat().st_ino for path in output.iterdir()} == before
    (output / "000001.tar").unlink()
    assert pack(unchanged, output).written == 1
    assert files_of(output) == wanted
    os.truncate(output / "000002.tar", 512)
    assert pack(unchanged, output).written == 1
    assert files_of(output) == wanted


def test_a_smaller_plan_deletes_what_is_left_of_a_larger_one(unchanged: Storage, tmp_path: Path) -> None:
    output = tmp_path / "shards"
    pack(unchanged, output, samples=1)
    (output / "notes.txt").write_text("mine")
    (output / ".nv-meta").mkdir()
    for name in ("index.sqlite", "index.uuid", ".info.json", "dataset.yaml"):
        (output / ".nv-meta" / name).write_text(name)
    (output / "000000.tar.idx").write_text("offsets")
    packed = pack(unchanged, output, samples=5)
    assert packed.deleted == [f"{number:06d}.tar" for number in range(2, 10)]
    assert packed.energon
    pack(unchanged, tmp_path / "anew", samples=5)
    kept = {"notes.txt": b"mine", ".nv-meta/dataset.yaml": b"dataset.yaml"}
    assert files_of(output) == {**files_of(tmp_path / "anew"), **kept}


def test_checksums_and_counts(unchanged: Storage, tmp_path: Path) -> None:
    pack(unchanged, tmp_path)
    manifest = read_manifest(Storage(str(tmp_path)))
    for shard in manifest["shards"]:
        data = (tmp_path / shard["name"]).read_bytes()
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (shard["sha256"], shard["bytes"])
    assert [shard["samples"] for shard in manifest["shards"]] == [3, 3, 3, 1]
    counts = manifest["counts"]
    assert (counts["samples"], counts["shards"], counts["seconds"]) == (10, 4, 10.0)
    assert counts["bytes"] == sum(path.stat().st_size for path in tmp_path.glob("*.tar"))
    selection = read_selection(unchanged, "all")
    assert manifest["filter_as_written"] == selection.filter
    assert manifest["dataset_fingerprint"] == selection.dataset_fingerprint


def test_a_changed_annotation_changes_the_shards_that_hold_it(dataset: Storage, tmp_path: Path) -> None:
    output = tmp_path / "shards"
    pack(dataset, output)
    part = dataset.files("annotations/coca")[0]
    from curation.dataset.table import read_part, write_part

    rows, fingerprint = read_part(dataset, part)
    changed = rows.to_pylist()
    changed[0]["caption_coca"] = "another caption"
    write_part(dataset, part, type(rows).from_pylist(changed, schema=rows.schema), fingerprint)
    assert pack(dataset, output).written == 1
    shards = ShardReader(str(output))
    assert shards[shards.position(changed[0]["clip_id"])]["json"]["caption_coca"] == "another caption"


def test_an_object_store(unchanged: Storage, tmp_path: Path, s3_bucket: str) -> None:
    remote = Storage(f"{s3_bucket}/dataset")
    for name, data in files_of(unchanged.root).items():
        remote.write_bytes(name, data)
    pack(unchanged, tmp_path / "local", samples=6, transcode=Transcode(gop=4))
    there = Storage(f"{s3_bucket}/shards")
    assert pack(remote, there, samples=6, transcode=Transcode(gop=4)).manifest["left_out"] == []
    assert {name: there.read_bytes(name) for name in there.files("")} == files_of(tmp_path / "local")
    assert sorted(sample["__key__"] for sample in ShardReader(there.url)) == clip_ids_of(unchanged)
