"""What is not the dataset's own is never touched."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from curation.dataset.description import describe
from curation.dataset.lock import only_writer
from curation.dataset.storage import Storage
from curation.dataset.sweep import sweep
from curation.errors import UserError

OWN = "0123456789abcdef"


def test_a_folder_with_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "mine.mp4").write_text("mine")
    told = r"holds other things \(media\) and is no dataset"
    with pytest.raises(UserError, match=told), only_writer(Storage(str(tmp_path))):
        raise AssertionError("locked")
    assert [path.name for path in tmp_path.rglob("*")] == ["media", "mine.mp4"]


@pytest.mark.parametrize("there", ["dataset.json", "_state/lock", ".DS_Store", "lost+found/x"])
def test_these_are_no_hindrance(there: str, tmp_path: Path) -> None:
    (tmp_path / there).parent.mkdir(exist_ok=True)
    (tmp_path / there).write_text("{}")
    with only_writer(Storage(str(tmp_path))):
        assert (tmp_path / "_state" / "lock").is_file()
    assert (tmp_path / there).exists()


def test_sweeping_deletes_own_orphans_only(tmp_path: Path) -> None:
    kept = ["media/mine.mp4", "media/ab/notes.txt", "contact_sheets/notes.txt", "contact_sheets/holiday.jpg"]
    orphans = [f"media/01/{OWN}/{OWN}.mp4", f"contact_sheets/{OWN}.jpg"]
    for name in (*kept, *orphans):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("content")
    storage = Storage(str(tmp_path))
    describe(storage, {})
    sweep(storage, set(), orphans=True)
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert left == sorted([*kept, "dataset.json"])


def test_a_relative_dataset_is_the_same_for_workers_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    here = Storage("dataset")
    sent = pickle.dumps(here)
    os.chdir("/")
    assert pickle.loads(sent).root == Storage(here.location).root == str(tmp_path / "dataset")
