"""Shards as their readers see them: webdataset, wids, megatron-energon, torch's DataLoader, and our own index."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
import wids
from torch.utils.data import DataLoader
from webdataset import WebDataset

from curation.dataset.storage import Storage
from curation.errors import UserError
from curation.shards.reader import ShardReader
from tests.curation.shards.conftest import pack
from tests.curation.small_dataset import clip_ids_of


@pytest.fixture(scope="module")
def shards(unchanged: Storage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards") / "all"
    pack(unchanged, folder, vectors=["clip_embedding"])
    return folder


def urls(shards: Path) -> list[str]:
    return [str(path) for path in sorted(shards.glob("*.tar"))]


def test_plain_webdataset(shards: Path, unchanged: Storage) -> None:
    samples = list(WebDataset(urls(shards), shardshuffle=False).decode())
    assert sorted(sample["__key__"] for sample in samples) == clip_ids_of(unchanged)
    for sample in samples:
        clip = sample["json"]
        assert sample["__key__"] == clip["clip_id"]
        media = f"media/{clip['provenance']['video_id'][:2]}/{clip['provenance']['video_id']}/{clip['clip_id']}.mp4"
        assert sample["mp4"] == unchanged.read_bytes(media)
        assert sample["txt"] in (clip["caption_coca"], clip["caption_videoblip"], clip["caption_llm"])
        assert sample["clip_embedding.npy"].shape == (2,)


@pytest.mark.parametrize("workers", [2, 4])
def test_dataloader_with_several_workers(workers: int, shards: Path, unchanged: Storage) -> None:
    plain = DataLoader(WebDataset(urls(shards), shardshuffle=False), num_workers=workers, batch_size=None)
    assert sorted(sample["__key__"] for sample in plain) == clip_ids_of(unchanged)


def test_dataloader_over_the_index(shards: Path, unchanged: Storage) -> None:
    indexed = DataLoader(ShardReader(str(shards)), num_workers=2, batch_size=None, shuffle=True)
    assert sorted(sample["__key__"] for sample in indexed) == clip_ids_of(unchanged)


def test_wids(shards: Path, unchanged: Storage, tmp_path: Path) -> None:
    samples = wids.ShardListDataset(str(shards / "shards.json"), cache_dir=str(tmp_path), keep=True)
    found = {samples[position]["__key__"]: samples[position] for position in range(len(samples))}
    assert len(samples) == len(found)
    assert sorted(found) == clip_ids_of(unchanged)
    reader = ShardReader(str(shards))
    key = reader.key(7)
    assert found[key][".mp4"].read() == reader[7]["mp4"]


def test_every_member_is_where_the_index_says(shards: Path, unchanged: Storage) -> None:
    reader = ShardReader(str(shards))
    assert reader.members == ["mp4", "json", "txt", "clip_embedding.npy"]
    assert sorted(reader.key(position) for position in range(len(reader))) == clip_ids_of(unchanged)
    for plain, sample in zip(WebDataset(urls(shards), shardshuffle=False), reader, strict=True):
        assert sample["mp4"] == plain["mp4"]
        assert sample["json"] == json.loads(plain["json"])
        assert sample["txt"] == plain["txt"].decode()
        position = reader.position(plain["__key__"])
        with open(shards / reader.place(position)["shard"], "rb") as file:
            for member, (offset, size) in reader.place(position)["members"].items():
                file.seek(offset)
                assert file.read(size) == plain[member] == reader.read(position, member)


def test_the_reader_is_a_sequence_that_travels(shards: Path) -> None:
    reader = pickle.loads(pickle.dumps(ShardReader(str(shards))))
    assert reader[-1] == reader[len(reader) - 1]
    with pytest.raises(IndexError):
        reader[len(reader)]
    with pytest.raises(KeyError):
        reader.read(0, "wav")
    with pytest.raises(KeyError):
        reader.position("no such clip")


def test_the_index_holds_the_numbers_of_each_sample(shards: Path, unchanged: Storage) -> None:
    motion = "annotations/optical_flow/*.parquet"
    differing = duckdb.sql(
        f"SELECT * FROM '{shards}/index.parquet' JOIN '{unchanged.root}/{motion}' AS flow ON key = clip_id "
        "WHERE index.motion_score <> flow.motion_score OR num_frames <> 12 OR width <> 64"
    )
    assert differing.fetchall() == []
    assert pq.read_table(shards / "index.parquet").num_rows == 10


def test_no_shards_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no whole shards; write them with: curation pack"):
        ShardReader(str(tmp_path))


def test_megatron_energon_prepares_them(shards: Path, tmp_path: Path) -> None:
    pytest.importorskip("megatron.energon")
    shutil.copytree(shards, tmp_path / "shards")
    energon = [sys.executable, "-m", "megatron.energon.cli.main", "prepare", str(tmp_path / "shards")]
    options = ["--non-interactive", "--split-ratio", "1,0,0", "--sample-type", "CrudeWebdataset"]
    subprocess.run([*energon, *options], check=True, capture_output=True)
    counts = json.loads((tmp_path / "shards" / ".nv-meta" / ".info.json").read_text())["shard_counts"]
    assert counts == {"000000.tar": 3, "000001.tar": 3, "000002.tar": 3, "000003.tar": 1}
