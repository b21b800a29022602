"""Shards that were packed elsewhere and cannot be reached: told plainly, done later, or forgotten."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from curation.dataset.storage import Storage
from curation.provenance.owed import OWED, settle
from curation.shards.known import ELSEWHERE
from curation.shards.reader import ShardReader
from tests.curation.provenance.conftest import ALSO_GONE, GONE, OTHER
from tests.curation.provenance.mortality import Killed, Mortality
from tests.curation.provenance.remains import remains
from tests.curation.shards.conftest import pack
from tests.curation.small_dataset import clip_ids_of, files_of

Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def away(dataset: Storage, tmp_path: Path) -> Path:
    """Shards of the dataset on a disk that is not mounted just now: they lie in ``mounted``."""
    pack(dataset, tmp_path / "away", samples=3)
    (tmp_path / "away").rename(tmp_path / "mounted")
    return tmp_path / "away"


def needles(dataset: Storage) -> list[bytes]:
    return [GONE.encode(), ALSO_GONE.encode(), *(clip_id.encode() for clip_id in clip_ids_of(dataset, GONE))]


def test_the_rest_is_done_and_the_shards_follow_once_they_are_there(
    dataset: Storage, away: Path, curation_here: Call
) -> None:
    wanted, again = needles(dataset), f"curation remove {dataset.root}"
    done = curation_here("remove", dataset.root, "--source", GONE, "--yes")
    assert done.returncode == 1
    assert f"Not reached: shards in {away}: no shards are there" in done.stdout
    assert done.stderr.splitlines() == [
        f"not reached: {away}: no shards are there; samples may be left in these shards",
        f"  once they are there again: {again}",
        f"  if they are gone for good: {again} --forget {away}",
    ]
    assert remains(dataset.root, wanted) == [OWED]
    assert remains(dataset.root, [GONE.encode(), ALSO_GONE.encode()]) == []
    assert json.loads(dataset.read_bytes("removals.jsonl"))["removal"]["not_reached"] == [str(away)]
    assert curation_here("remove", dataset.root).returncode == 1

    (away.parent / "mounted").rename(away)
    done = curation_here("remove", dataset.root)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{away}: samples of earlier removals are out" in done.stdout
    assert remains(away.parent, wanted) == []
    assert len([sample["mp4"] for sample in ShardReader(str(away))]) == 7
    assert "nothing to remove" in curation_here("remove", dataset.root).stderr


def test_what_two_removals_owe_is_done_at_once(dataset: Storage, away: Path, curation_here: Call) -> None:
    for source in (GONE, OTHER):
        assert curation_here("remove", dataset.root, "--source", source, "--yes").returncode == 1
    (away.parent / "mounted").rename(away)
    assert curation_here("remove", dataset.root, "--source", GONE).returncode == 0
    assert len(ShardReader(str(away))) == 4


def test_killed_at_every_operation_and_finished_later(dataset: Storage, away: Path, curation_here: Call) -> None:
    """What was packed is packed afterwards, without the samples: no shard is lost to an interruption."""
    assert curation_here("remove", dataset.root, "--source", GONE, "--yes").returncode == 1
    before = dataset.read_bytes(OWED)
    killed, wanted = 0, None
    for life in [1000, *range(200)]:
        shutil.rmtree(away, ignore_errors=True)
        shutil.copytree(away.parent / "mounted", away)
        dataset.write_bytes(OWED, before)
        with pytest.MonkeyPatch.context() as monkeypatch:
            mortality = Mortality(monkeypatch, life)
            try:
                settle(dataset, [])
            except Killed:
                killed += 1
        settle(dataset, [])
        wanted = wanted or files_of(str(away))
        assert files_of(str(away)) == wanted, f"killed before operation {life}"
        if life < 1000 and mortality.life > 0:
            break
    assert killed > 10
    assert len(ShardReader(str(away))) == 7


def test_shards_that_are_gone_for_good_are_forgotten(dataset: Storage, away: Path, curation_here: Call) -> None:
    wanted = needles(dataset)
    shutil.rmtree(away.parent / "mounted")
    assert curation_here("remove", dataset.root, "--source", GONE, "--yes").returncode == 1
    done = curation_here("remove", dataset.root, "--forget", away)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{away}: forgotten\n", "")
    assert json.loads(dataset.read_bytes(ELSEWHERE)) == []
    assert remains(dataset.root, wanted) == []
    done = curation_here("remove", dataset.root, "--forget", away)
    assert (done.returncode, done.stderr) == (
        2,
        f"error: --forget {away}: no shards of {dataset.root} were packed there\n",
    )


def test_a_place_that_cannot_be_asked(dataset: Storage, curation_here: Call) -> None:
    location = "nosuchprotocol://bucket/shards"
    dataset.write_bytes(ELSEWHERE, json.dumps([location]).encode())
    clip_id = clip_ids_of(dataset, GONE)[0]
    traced = curation_here("trace", dataset.root, clip_id)
    assert (traced.returncode, f"{location}: not looked at: " in traced.stdout) == (0, True)
    done = curation_here("remove", dataset.root, "--source", GONE, "--dry-run")
    assert (done.returncode, f"Not reached: shards in {location}: " in done.stdout) == (0, True)
    done = curation_here("remove", dataset.root, "--source", GONE, "--yes", "--forget", location)
    assert (done.returncode, done.stderr) == (0, "")
