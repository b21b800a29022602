"""Folding the journal: an interruption at any operation loses nothing and repeats nothing."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from curation.dataset import journal
from curation.dataset.schema import annotation_schema
from curation.dataset.storage import Storage, join
from curation.dataset.table import read_part
from curation.engine.rows import clip_table, video_row, video_table
from curation.engine.work import VideoItem

FLOW = annotation_schema("flow", {"motion_score": pa.float32()})


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

    def delete(self, names: list[str]) -> None:
        for name in names:
            self._spend()
            super().delete([name])


def clips_of(video_id: str, spans: list[tuple[int, int]]) -> list[dict[str, object]]:
    return [
        {
            "clip_id": f"{video_id}-{start}-{end}",
            "video_id": video_id,
            "clip_index": index,
            "start_pts": start,
            "end_pts": end,
        }
        for index, (start, end) in enumerate(spans)
    ]


def record_video(
    storage: Storage, video_id: str, spans: list[tuple[int, int]], fingerprint: str, **columns: object
) -> None:
    row = video_row(VideoItem(video_id, f"{video_id}.mp4", columns, 1, []), num_clips=len(spans))
    journal.record_video(storage, video_table(row), clip_table(clips_of(video_id, spans)), fingerprint)


def record_flow(storage: Storage, clip_ids: list[str], score: float, fingerprint: str) -> None:
    rows = [{"clip_id": clip_id, "motion_score": score, "flow_error": None} for clip_id in clip_ids]
    journal.record_annotations(storage, "flow", pa.Table.from_pylist(rows, schema=FLOW), fingerprint)


def contents(storage: Storage) -> dict[str, list[tuple[object, ...]]]:
    rows = {}
    for folder, columns in (
        ("videos", ["video_id", "num_clips"]),
        ("clips", ["clip_id", "video_id", "clip_index"]),
        ("annotations/flow", ["clip_id", "motion_score"]),
    ):
        table = journal.table_of(storage, folder).read(columns)
        found = [tuple(row[name] for name in columns) for row in table.to_pylist()] if table is not None else []
        rows[folder] = sorted(found, key=repr)
    return rows


def fill(storage: Storage) -> None:
    """An older state in the tables, and a newer one in the journal that replaces part of it."""
    record_video(storage, "a", [(0, 10), (10, 20)], "old")
    record_video(storage, "b", [(0, 5)], "old", label=1)
    record_flow(storage, ["a-0-10", "a-10-20", "b-0-5"], 1.0, "flow1")
    journal.fold(storage)
    record_video(storage, "a", [(0, 15)], "new")
    record_video(storage, "c", [], "new", label="x", by="ann")
    record_flow(storage, ["a-0-15"], 2.0, "flow1")
    record_flow(storage, ["b-0-5"], 3.0, "flow2")


EXPECTED = {
    "videos": [("a", 1), ("b", 1), ("c", 0)],
    "clips": [("a-0-15", "a", 0), ("b-0-5", "b", 0)],
    "annotations/flow": [("a-0-10", 1.0), ("a-0-15", 2.0), ("a-10-20", 1.0), ("b-0-5", 3.0)],
}

LABELS = [("a", None, None), ("b", "1", None), ("c", "x", "ann")]


def test_fold_replaces_rows_by_key(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    fill(storage)
    journal.fold(storage)
    assert contents(storage) == EXPECTED
    assert storage.files("_state") == []
    assert journal.table_of(storage, "videos").keys("new") == {"a", "c"}
    assert journal.table_of(storage, join("annotations", "flow")).keys("flow2") == {"b-0-5"}


def test_fold_killed_at_every_operation_ends_the_same(tmp_path: Path) -> None:
    killed = 0
    for life in range(100):
        url = str(tmp_path / str(life))
        fill(Storage(url))
        mortal = MortalStorage(url)
        mortal.life = life
        try:
            journal.fold(mortal)
        except Killed:
            killed += 1
        storage = Storage(url)
        journal.fold(storage)
        assert contents(Storage(url)) == EXPECTED, f"killed before operation {life}"
        assert len({str(read_part(storage, name)[0].schema.remove_metadata()) for name in storage.files("videos")}) == 1
        labels = journal.table_of(storage, "videos").read(["video_id", "label", "by"])
        assert labels is not None
        assert sorted(map(tuple, (row.values() for row in labels.to_pylist()))) == LABELS
        if mortal.life > 0:
            break
    assert killed > 10


def test_clips_of_an_unfinished_video_are_dropped_once_the_workers_are_gone(tmp_path: Path) -> None:
    mortal = MortalStorage(str(tmp_path))
    mortal.life = 1
    with pytest.raises(Killed):
        record_video(mortal, "a", [(0, 10)], "x")
    storage = Storage(str(tmp_path))
    journal.fold(storage)
    assert contents(storage)["clips"] == []
    assert len(storage.files("_state/journal")) == 1, "its worker may be about to finish it"
    journal.fold(storage, workers_gone=True)
    assert storage.files("_state") == []


def test_a_batch_recorded_twice_counts_once(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    record_video(storage, "a", [(0, 10), (10, 20)], "x")
    record_flow(storage, ["a-0-10", "a-10-20"], 1.0, "f")
    record_flow(storage, ["a-0-10"], 1.0, "f")
    journal.fold(storage)
    assert contents(storage)["annotations/flow"] == [("a-0-10", 1.0), ("a-10-20", 1.0)]


def test_files_appear_whole_or_not_at_all(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    storage.write_bytes("a/b.txt", b"first")
    with pytest.raises(IsADirectoryError):
        storage.write_bytes("a", b"a folder stands there")
    assert storage.files("") == ["a/b.txt"]
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["b.txt"]


def test_videos_without_clips_add_no_part_to_the_clips(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    record_video(storage, "a", [(0, 10)], "x")
    journal.fold(storage)
    before = storage.sizes("clips")
    for _ in range(2):
        record_video(storage, "unreadable", [], "x")
        journal.fold(storage)
        assert storage.sizes("clips") == before
    record_video(storage, "a", [], "x")
    journal.fold(storage)
    assert journal.table_of(storage, journal.CLIPS).keys() == set()
    assert journal.table_of(storage, journal.VIDEOS).keys() == {"a", "unreadable"}
