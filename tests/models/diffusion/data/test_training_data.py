"""Batches from shards: resuming is a seek, ranks share evenly, broken clips are replaced and told."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import fsspec
import pytest
import torch

from models.diffusion.data import Batch, DataError, DataSettings, TrainingData
from models.diffusion.data.sample import SampleReader
from tests.curation.video.clip_files import numbers_of
from tests.models.diffusion.data.packed import MIX, Clip, clips, write_shards

SETTINGS = DataSettings(frames=4, fps=12, sizes=((48, 64), (64, 48)), workers=0, prefetch=1)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Thirteen wide and six tall clips."""
    packed = [Clip(one.key, size=(64, 48) if number % 3 == 2 else (48, 64)) for number, one in enumerate(clips(19))]
    return str(write_shards(tmp_path_factory.mktemp("shards") / "all", packed))


def data(shards: str | Sequence[str], settings: DataSettings = SETTINGS, **more: Any) -> TrainingData:
    folders = [shards] if isinstance(shards, str) else shards
    return TrainingData(settings, folders, **{"seed": 3, "batch_size": 2, "group_size": 4, **more})


def some(source: TrainingData, start: int, count: int) -> list[Batch]:
    found = list(islice(source.batches(start), count))
    source.close()
    return found


def same(one: Batch, other: Batch) -> bool:
    return (
        one.keys == other.keys
        and one.indices == other.indices
        and one.captions == other.captions
        and torch.equal(one.pixels, other.pixels)  # type: ignore[arg-type]
        and torch.equal(one.fps, other.fps)
        and torch.equal(one.is_image, other.is_image)
        and all(torch.equal(one.extra[name], other.extra[name]) for name in ("crop", "original_size"))
    )


def interleaved(ranks: Sequence[Iterator[Batch]], steps: int) -> list[Batch]:
    return [next(rank) for _ in range(steps) for rank in ranks]


def test_what_a_batch_holds(shards: str) -> None:
    source = data(shards)
    assert source.num_samples == 19
    for batch in some(source, 0, 6):
        assert batch.pixels is not None
        height, width = batch.pixels.shape[3:]
        assert batch.pixels.shape == (2, 4, 3, height, width)
        assert batch.pixels.dtype == torch.uint8
        assert batch.num_frames == 4
        for pixels, caption, key in zip(batch.pixels, batch.captions, batch.keys, strict=True):
            numbers = numbers_of(pixels.numpy())
            assert numbers == [numbers[0] + 2 * step for step in range(4)]
            assert caption in [f"{column} of {key}" for column in MIX]
        assert batch.fps.tolist() == [12.0, 12.0]
        assert batch.motion.tolist() == [1.0, 1.0]
        assert batch.extra["aesthetic_score"].isnan().all()
        assert batch.extra["original_size"].tolist() == [[height, width]] * 2
        assert batch.extra["crop"].tolist() == [[0, 0]] * 2
        assert not batch.is_image.any()


@pytest.mark.parametrize("workers", [0, 1, 2, 3])
@pytest.mark.parametrize("world_size", [1, 2])
def test_resuming_is_a_seek(shards: str, workers: int, world_size: int) -> None:
    """Whatever the number of processes that read and of ranks, from sample 12 on come the same samples."""
    replayed = some(data(shards), 0, 6 + 6)[6:]
    settings = SETTINGS.model_copy(update={"workers": workers})
    sources = [data(shards, settings, world_size=world_size, rank=rank) for rank in range(world_size)]
    sought = interleaved([source.batches(12) for source in sources], 6 // world_size)
    for source in sources:
        source.close()
    assert [batch.indices for batch in sought] == [[n, n + 1] for n in range(12, 24, 2)]
    assert all(same(one, other) for one, other in zip(replayed, sought, strict=True))


def test_batch_size_does_not_change_the_order(shards: str) -> None:
    pairs = [key for batch in some(data(shards), 0, 8) for key in batch.keys]
    fours = [key for batch in some(data(shards, batch_size=4), 0, 4) for key in batch.keys]
    assert pairs == fours


def test_each_clip_once_an_epoch(shards: str) -> None:
    """Nineteen clips in groups of one: 19 samples are an epoch; in groups of four each bucket fills up its last."""
    source = data(shards, batch_size=1, group_size=1)
    for epoch in range(2):
        keys = Counter(batch.keys[0] for batch in some(source, 19 * epoch, 19))
        assert set(keys.values()) == {1}
        assert len(keys) == 19
    grouped = [key for batch in some(data(shards), 0, 12) for key in batch.keys]  # 4 groups of wide, 2 of tall ones
    assert len(set(grouped)) == 19
    assert max(Counter(grouped).values()) == 2


def test_a_batch_is_of_one_shape_and_captions_are_drawn_anew(shards: str) -> None:
    batches = some(data(shards), 0, 40)
    shapes = [tuple(batch.pixels.shape) for batch in batches if batch.pixels is not None]
    assert set(shapes) == {(2, 4, 3, 48, 64), (2, 4, 3, 64, 48)}
    assert shapes[0::2] == shapes[1::2]  # groups of four
    captions: dict[str, set[str]] = {}
    for batch in batches:
        for key, caption in zip(batch.keys, batch.captions, strict=True):
            captions.setdefault(key, set()).add(caption)
    assert sum(len(texts) > 1 for texts in captions.values()) > 10


def test_stills(shards: str, tmp_path: Path) -> None:
    mixed = some(data(shards, SETTINGS.model_copy(update={"image_share": 0.5})), 0, 10)
    assert 4 < sum(int(batch.is_image.sum()) for batch in mixed) < 16
    for batch in mixed:
        assert batch.pixels is not None
        for pixels, is_image in zip(batch.pixels, batch.is_image, strict=True):
            assert (len(set(numbers_of(pixels.numpy()))) == 1) == bool(is_image)
    short = write_shards(tmp_path / "short", clips(4, frames=2))
    lengths = SETTINGS.model_copy(update={"shorter_frames": (1,)})
    images = some(data(str(short), lengths), 0, 2)
    assert all(batch.num_frames == 1 and batch.is_image.all() for batch in images)
    with pytest.raises(DataError, match="no clip can be trained on: left out: 4 too short"):
        data(str(short))


def test_held_out_clips_are_never_trained_on(shards: str) -> None:
    settings = SETTINGS.model_copy(update={"held_out": 5})
    source = data(shards, settings)
    held = source.held_out()
    keys = {key for batch in held for key in batch.keys}
    assert len(keys) == 5
    assert source.num_samples == 14
    assert not keys & {key for batch in some(source, 0, 30) for key in batch.keys}
    again = data(shards, settings, world_size=2, rank=1).held_out()
    assert all(same(one, other) for one, other in zip(held, again, strict=True))


def test_several_folders(shards: str, tmp_path: Path) -> None:
    more = write_shards(tmp_path / "more", [Clip("other")])
    source = data([shards, str(more)], batch_size=1, group_size=1)
    assert source.num_samples == 20
    assert "other" in {batch.keys[0] for batch in some(source, 0, 20)}
    assert len(source.motion_scores()) == 20


def test_an_object_store_gives_the_same(shards: str) -> None:
    memory = fsspec.filesystem("memory")
    for path in Path(shards).iterdir():
        memory.pipe_file(f"/remote/all/{path.name}", path.read_bytes())
    here, there = some(data(shards), 8, 4), some(data("memory://remote/all"), 8, 4)
    assert all(same(one, other) for one, other in zip(here, there, strict=True))


def test_s3_read_by_processes(shards: str, s3_bucket: str) -> None:
    """Connections of this process are not those of its workers."""
    store = fsspec.filesystem("s3")
    for path in Path(shards).iterdir():
        store.pipe_file(f"{s3_bucket}/train/{path.name}", path.read_bytes())
    settings = SETTINGS.model_copy(update={"workers": 2})
    here, there = some(data(shards), 8, 4), some(data(f"{s3_bucket}/train", settings), 8, 4)
    assert all(same(one, other) for one, other in zip(here, there, strict=True))


@pytest.fixture
def no_known_stores() -> Iterator[None]:
    """Connections of other tests are not taken for this one's, nor this one's for others'."""
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    yield
    fsspec.get_filesystem_class("s3").clear_instance_cache()


@pytest.mark.usefixtures("no_known_stores")
def test_an_object_store_that_does_not_let_one_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(DataError, match=r"manifest\.json: cannot be read: Unable to locate cred"):
        TrainingData(SETTINGS, ["s3://bucket/shards"], seed=0, batch_size=2)


def kill_readers(but: set[Any]) -> None:
    for worker in set(multiprocessing.active_children()) - but:
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)


@pytest.mark.usefixtures("impatient")
def test_a_worker_that_dies_changes_nothing(shards: str, caplog: pytest.LogCaptureFixture) -> None:
    source = data(shards, SETTINGS.model_copy(update={"workers": 2}))
    before = set(multiprocessing.active_children())
    batches = source.batches(0)
    found = [next(batches)]
    kill_readers(before)
    time.sleep(0.5)  # torch would raise here
    found += islice(batches, 9)
    source.close()
    assert all(same(one, other) for one, other in zip(found, some(data(shards), 0, 10), strict=True))
    assert "a process that reads ahead ended" in caplog.text
    assert set(multiprocessing.active_children()) == before


@pytest.mark.usefixtures("impatient")
def test_workers_that_die_again_and_again_are_told(shards: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(SampleReader, "read", die)
    source = data(shards, SETTINGS.model_copy(update={"workers": 1}))
    with pytest.raises(DataError, match=r"ended, 3 times at the same batch: .*; lower data.workers") as raised:
        next(source.batches(0))
    assert "\n" not in str(raised.value)
    source.close()


def test_the_global_random_numbers_are_left_alone(shards: str) -> None:
    state = torch.get_rng_state()
    some(data(shards), 0, 2)
    assert torch.equal(state, torch.get_rng_state())


@pytest.fixture
def damaged(tmp_path: Path) -> str:
    """Twenty clips, two of which hold no video."""
    packed = [Clip(one.key, media=b"no video" if number in (5, 11) else None) for number, one in enumerate(clips(20))]
    return str(write_shards(tmp_path / "damaged", packed))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_broken_clip_is_replaced_and_told(damaged: str, workers: int, caplog: pytest.LogCaptureFixture) -> None:
    settings = SETTINGS.model_copy(update={"workers": workers})
    with caplog.at_level(logging.WARNING):
        batches = some(data(damaged, settings), 0, 20)
    broken = {one.key for batch in batches for one in batch.broken}
    assert broken == {clips(20)[5].key, clips(20)[11].key}
    assert not broken & {key for batch in batches for key in batch.keys}
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2  # once each, in two epochs
    assert f"{damaged}/000001.tar: {clips(20)[5].key}: cannot be opened as video" in "\n".join(told)
    sought = some(data(damaged, settings), 20, 10)
    assert all(same(one, other) for one, other in zip(batches[10:], sought, strict=True))


@pytest.mark.parametrize("workers", [0, 1])
def test_too_many_broken_clips_stop_with_one_line(tmp_path: Path, workers: int) -> None:
    packed = [Clip(one.key, media=b"no video" if number % 2 else None) for number, one in enumerate(clips(40))]
    folder = str(write_shards(tmp_path / "half", packed, per_shard=40))
    settings = SETTINGS.model_copy(update={"workers": workers})
    with pytest.raises(DataError, match=r"clips of \d+ samples cannot be read, more than data.max_broken") as raised:
        some(data(folder, settings), 0, 100)
    assert "\n" not in str(raised.value)
    none = write_shards(tmp_path / "none", [Clip(one.key, media=b"") for one in clips(4)])
    with pytest.raises(DataError, match="10 clips in a row cannot be read, the first of them: /") as raised:
        some(data(str(none), settings), 0, 1)
    assert "\n" not in str(raised.value)


def copied(shards: str, folder: Path) -> Path:
    folder.mkdir()
    for path in Path(shards).iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def test_bad_shards_are_one_clear_line(shards: str, tmp_path: Path) -> None:
    def problem(name: str, change: Any) -> str:
        folder = copied(shards, tmp_path / name)
        change(folder)
        with pytest.raises(DataError) as raised:
            data(str(folder))
        text = str(raised.value)
        assert "\n" not in text
        assert str(folder) in text
        assert "curation pack" in text
        return text

    def older(folder: Path) -> None:
        told = json.loads((folder / "manifest.json").read_text())
        (folder / "manifest.json").write_text(json.dumps({**told, "format_version": 9}))

    def fewer(folder: Path) -> None:
        told = json.loads((folder / "manifest.json").read_text())
        told["counts"]["samples"] = 3
        (folder / "manifest.json").write_text(json.dumps(told))

    assert "no whole shards" in problem("a", lambda folder: (folder / "manifest.json").unlink())
    assert "cannot be read as the manifest" in problem("b", lambda folder: (folder / "manifest.json").write_text("{"))
    assert "does not belong to" in problem("c", fewer)
    assert "000001.tar: is missing" in problem("d", lambda folder: (folder / "000001.tar").unlink())
    assert "000002.tar: has 7 bytes" in problem("e", lambda folder: (folder / "000002.tar").write_bytes(b"cut off"))
    assert "index.parquet: is missing" in problem("f", lambda folder: (folder / "index.parquet").unlink())
    assert "index.parquet: cannot be read" in problem("g", lambda folder: (folder / "index.parquet").write_text("x"))
    folder = copied(shards, tmp_path / "h")
    older(folder)
    with pytest.raises(DataError, match="format version 9; this program reads 1"):
        data(str(folder))


def test_wrong_requests_are_one_clear_line(shards: str) -> None:
    with pytest.raises(DataError, match="has no caption 'caption_lmm'; it has: caption_coca"):
        data(shards, SETTINGS.model_copy(update={"captions": {"caption_lmm": 1.0}}))
    with pytest.raises(DataError, match="cannot be dealt to 3 ranks"):
        data(shards, world_size=3)
    with pytest.raises(DataError, match="sample 3 is not the first of a step"):
        next(data(shards).batches(3))
    with pytest.raises(DataError, match="name the folders"):
        data([])
    with pytest.raises(DataError, match="nowhere: no whole shards"):
        data("/nowhere")
