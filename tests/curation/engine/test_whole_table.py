"""The table of a stage over the whole dataset: replaced as one file, out of date when what it was made from changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pytest

from curation.config import ResolvedPipeline
from curation.dataset.schema import CLIPS, annotation_schema
from curation.dataset.storage import Storage
from curation.dataset.table import Table, write_part
from curation.engine.pipeline import Stages, stages_of
from curation.engine.whole_dataset import affected, inputs_state, is_up_to_date, out_of_date, publish

STAGES = "tests.curation.engine"


@pytest.fixture
def stages() -> Stages:
    uses = {"whole": "stages:Whole", "mean": "stages:Mean", "rank": "whole_stages:Rank", "later": "whole_stages:Later"}
    described = [{"name": name, "use": f"{STAGES}.{use}", "config": {}, "run": {}} for name, use in uses.items()]
    return stages_of(ResolvedPipeline.from_dict({"name": "p", "stages": described}))


@pytest.fixture(params=["disk", "object store"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    storage = Storage(str(tmp_path) if request.param == "disk" else f"memory://{uuid4().hex}")
    add_clips(storage, 0, "ab")
    yield storage
    storage.delete_tree("")


def add_clips(storage: Storage, part: int, ids: str) -> None:
    rows = pa.Table.from_pylist([{"clip_id": clip_id} for clip_id in ids], schema=CLIPS)
    write_part(storage, f"clips/part-{part:06d}-x.parquet", rows, "x")


def ranks(*values: int, name: str = "rank", column: str = "rank") -> Iterator[pa.Table]:
    schema = annotation_schema(name, {column: pa.int64()})
    for clip_id, value in zip("ab", values, strict=True):
        yield pa.Table.from_pylist([{"clip_id": clip_id, column: value}], schema=schema)


def test_it_is_replaced_as_a_whole(storage: Storage, stages: Stages) -> None:
    rank, later = stages.dataset_annotators
    assert out_of_date(storage, stages) == ["rank", "later"]
    publish(storage, rank, ranks(0, 1), inputs_state(storage, stages, rank))
    assert out_of_date(storage, stages) == ["later"]
    publish(storage, later, ranks(5, 6, name="later", column="backwards"), inputs_state(storage, stages, later))
    assert out_of_date(storage, stages) == []

    other = replace(rank, fingerprint="f" * 16)
    assert not is_up_to_date(storage, stages, other)
    publish(storage, other, ranks(1, 0), inputs_state(storage, stages, rank))
    assert storage.files("annotations/rank") == [f"annotations/rank/part-000000-{'f' * 16}.parquet"]
    table = Table(storage, "annotations/rank", "clip_id").read()
    assert table is not None
    assert table.select(["clip_id", "rank"]).to_pylist() == [{"clip_id": "a", "rank": 1}, {"clip_id": "b", "rank": 0}]

    publish(storage, rank, ranks(0, 1), inputs_state(storage, stages, rank))
    assert len(storage.files("annotations/rank")) == 1


def test_what_makes_it_out_of_date(storage: Storage, stages: Stages) -> None:
    rank, later = stages.dataset_annotators
    publish(storage, rank, ranks(0, 1), inputs_state(storage, stages, rank))
    publish(storage, later, ranks(0, 1, name="later", column="backwards"), inputs_state(storage, stages, later))
    means = pa.table({"clip_id": ["a"], "mean": pa.array([1.0], pa.float32())})
    write_part(storage, "annotations/mean/part-000000-m.parquet", means, "m")
    assert out_of_date(storage, stages) == ["rank"]
    publish(storage, rank, ranks(0, 1), inputs_state(storage, stages, rank))
    assert out_of_date(storage, stages) == ["later"], "the same values and bytes, made from other means"
    publish(storage, later, ranks(0, 1, name="later", column="backwards"), inputs_state(storage, stages, later))
    write_part(storage, "annotations/unrelated/part-000000-u.parquet", means, "u")
    assert out_of_date(storage, stages) == []
    add_clips(storage, 1, "c")
    assert out_of_date(storage, stages) == ["rank", "later"]


def test_a_table_that_cannot_be_made_leaves_the_one_before(storage: Storage, stages: Stages) -> None:
    rank, _ = stages.dataset_annotators
    publish(storage, rank, ranks(0, 1), "state")
    before = {name: storage.read_bytes(name) for name in storage.files("annotations")}

    def breaking() -> Iterator[pa.Table]:
        yield next(ranks(7, 8))
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        publish(storage, replace(rank, fingerprint="f" * 16), breaking(), "state")
    assert {name: storage.read_bytes(name) for name in storage.files("annotations")} == before


def test_what_a_change_affects(stages: Stages) -> None:
    assert affected(stages, {"mean"}, clips_change=False) == ("rank", "later")
    assert affected(stages, {"rank"}, clips_change=False) == ("rank", "later")
    assert affected(stages, {"later"}, clips_change=False) == ("later",)
    assert affected(stages, {"trouble"}, clips_change=False) == ()
    assert affected(stages, (), clips_change=True) == ("rank", "later")


def test_an_empty_dataset_is_up_to_date(tmp_path: Path, stages: Stages) -> None:
    assert out_of_date(Storage(str(tmp_path)), stages) == []
