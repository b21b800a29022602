"""What `curation remove` took out does not come back with a later run, unless that is asked for."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from curation.dataset.journal import VIDEOS, table_of
from curation.dataset.storage import Storage
from curation.engine.identify import SourceIdentities, identify
from curation.engine.removed_sources import RemovedSources
from curation.engine.watcher import Watcher
from curation.provenance.removed import REMOVED, Removed, append, name_hash
from curation.sources.discover import SourceRef
from curation.sources.fetch import identity
from tests.curation.small_dataset import write_dataset

Call = Callable[..., subprocess.CompletedProcess[str]]


class Warnings(Watcher):
    def __init__(self) -> None:
        self.told: list[str] = []

    def warned(self, message: str) -> None:
        self.told.append(message)


@pytest.fixture
def videos(tmp_path: Path) -> list[SourceRef]:
    """Three files; the second is another name of the first, which was taken out, and the third another content."""
    refs = []
    for name, content in (("a.mp4", b"taken down"), ("b.mp4", b"taken down"), ("c.mp4", b"harmless")):
        (tmp_path / name).write_bytes(content)
        refs.append(SourceRef(str(tmp_path / name), {}))
    return refs


@pytest.fixture
def storage(tmp_path: Path, videos: list[SourceRef]) -> Storage:
    """A dataset from which the first file was taken out."""
    storage = write_dataset(tmp_path / "dataset", {"/v/a.mp4": 1}, captions=())
    hashed = [name_hash(videos[0].url)]
    entry = {"event": REMOVED, "time": "", "video_id": identity(videos[0].url).video_id, "sources_sha256": hashed}
    append(storage, [entry])
    return storage


def taken(storage: Storage, videos: list[SourceRef], *, readmit: bool = False) -> tuple[list[str], list[str]]:
    """The files that a run would take in, and the warnings."""
    watcher = Warnings()
    removed = RemovedSources(storage, watcher, readmit=readmit)
    identities = SourceIdentities(storage, removed.admitted(videos), removed.video_ids)
    found = identities.read_unknown(identify)
    removed.identified(identities, found)
    return [Path(source.source).name for source in found], watcher.told


def test_neither_the_name_nor_the_content_comes_back(storage: Storage, videos: list[SourceRef]) -> None:
    names, told = taken(storage, videos)
    assert names == ["c.mp4"]
    assert [line.split(" by ")[0] for line in told] == [
        "1 source was taken out of this dataset",
        "1 source was taken out of this dataset under other names",
    ]
    assert all("--readmit" in line for line in told)
    state = pq.read_table(storage.path("_state/sources.parquet"))["source"].to_pylist()
    assert videos[1].url not in state


def test_another_name_is_read_once_only(storage: Storage, videos: list[SourceRef]) -> None:
    taken(storage, videos)
    Path(videos[1].url).unlink()
    names, told = taken(storage, videos)
    assert names == ["c.mp4"]
    assert told[0].startswith("2 sources were taken out of this dataset by ")


def test_readmitted_ones_come_back_for_good(storage: Storage, videos: list[SourceRef]) -> None:
    taken(storage, videos)
    assert taken(storage, videos[:1], readmit=True) == (["a.mp4"], [])
    assert Removed.of(storage) == Removed(set(), set())
    assert taken(storage, videos) == (["a.mp4", "b.mp4", "c.mp4"], [])


def test_a_run_says_so(storage: Storage, videos: list[SourceRef], curation_here: Call) -> None:
    done = curation_here("run", videos[0].url, "--output", storage.root)
    assert done.returncode == 0
    assert "1 source was taken out of this dataset" in done.stderr
    assert done.stdout == "Nothing to do: all of these sources are passed over.\n"
    done = curation_here("retry", storage.root)
    assert done.stdout == f"Nothing to do: nothing in {storage.root} has failed.\n"
    rows = table_of(storage, VIDEOS).read(["source"])
    assert rows is not None
    assert rows["source"].to_pylist() == ["/v/a.mp4"]
