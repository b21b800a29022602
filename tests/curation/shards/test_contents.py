"""What key.json and key.txt say is what the tables say."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pytest

import curation
from curation.dataset.storage import Storage
from curation.errors import UserError
from curation.shards.captions import PAPER_WEIGHTS, choose_caption
from curation.shards.reader import ShardReader
from curation.shards.sample import to_json
from tests.curation.shards.conftest import pack
from tests.curation.small_dataset import clip_ids_of, select, write_dataset


def test_key_json_has_every_annotation_and_where_the_clip_comes_from(unchanged: Storage, tmp_path: Path) -> None:
    pack(unchanged, tmp_path)
    rows = {row["clip_id"]: row for row in curation.Dataset(unchanged.root).clips().to_pylist()}
    for sample in ShardReader(str(tmp_path)):
        told, row = sample["json"], rows[sample["__key__"]]
        for name in ("motion_score", "aesthetic_score", "caption_llm", "optical_flow_error", "fps", "width", "height"):
            assert told[name] == row[name], name
        for name in ("source", "video_id", "start_s", "end_s", "start_pts", "end_pts", "time_base", "clip_index"):
            assert told["provenance"][name] == row[name], name
        assert told["label"] == "street"
        assert told["duration_s"] == row["end_s"] - row["start_s"]
        assert "clip_embedding" not in told
        flow = told["provenance"]["stages"]["optical_flow"]
        assert flow == {"version": 1, "fingerprint": unchanged.files("annotations/optical_flow")[0][-24:-8]}
        assert {"cut_detection", "clipping", "clip_scores", "coca"} < told["provenance"]["stages"].keys()


def test_key_txt_is_drawn_once_by_the_weights(unchanged: Storage, tmp_path: Path) -> None:
    pack(unchanged, tmp_path / "paper", seed=7)
    for sample in ShardReader(str(tmp_path / "paper")):
        assert sample["json"]["caption_weights"] == PAPER_WEIGHTS
        assert sample["txt"] == choose_caption(sample["json"], random.Random(f"7/{sample['__key__']}"))
    pack(unchanged, tmp_path / "one", captions="caption_llm=1")
    shards = ShardReader(str(tmp_path / "one"))
    assert all(sample["txt"] == sample["json"]["caption_llm"] for sample in shards)
    assert shards.manifest["caption_weights"] == {"caption_llm": 1.0}


def test_clips_without_captions_have_an_empty_one(tmp_path: Path) -> None:
    storage = write_dataset(tmp_path / "dataset", {"/v/a.mp4": 1}, captions=())
    select(storage)
    packed = pack(storage, tmp_path / "shards")
    assert packed.manifest["counts"]["without_caption"] == 1
    (sample,) = ShardReader(str(tmp_path / "shards"))
    assert sample["txt"] == ""
    assert sample["__key__"] == clip_ids_of(storage)[0]


def test_the_caption_of_a_manifest_is_one(tmp_path: Path) -> None:
    storage = write_dataset(tmp_path / "own", {"/v/a.mp4": 2}, captions=(), caption="a red circle moves left")
    select(storage)
    pack(storage, tmp_path / "shards")
    shards = ShardReader(str(tmp_path / "shards"))
    assert shards.manifest["caption_weights"] == {"caption": 1.0}
    assert [sample["txt"] for sample in shards] == ["a red circle moves left"] * 2
    both = write_dataset(tmp_path / "both", {"/v/a.mp4": 2}, captions=("caption_vlm",), caption="a red circle")
    select(both)
    pack(both, tmp_path / "both_shards")
    weights = ShardReader(str(tmp_path / "both_shards")).manifest["caption_weights"]
    assert weights == {"caption": 1.0, "caption_vlm": 1.0}


@pytest.mark.parametrize(("name", "hint"), [("clip_embeding", "clip_embedding"), ("motion_score", "known: clip")])
def test_a_vector_that_is_none(name: str, hint: str, unchanged: Storage, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"--vector {name}: no column of vectors.*{hint}"):
        pack(unchanged, tmp_path, vectors=[name])


def test_values_that_json_has_not() -> None:
    values = {"a": float("nan"), "b": [float("inf"), 1.5], "c": pa.scalar(0, pa.date32()).as_py(), "d": True, "e": "ü"}
    assert to_json(values).decode() == '{"a":null,"b":[null,1.5],"c":"1970-01-01","d":true,"e":"ü"}'
