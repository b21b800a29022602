"""From the tables of a dataset to the samples of each shard, streamed in the order of the plan."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from curation.dataset.duck import quoted
from curation.dataset.journal import VIDEOS
from curation.dataset.schema import VIDEOS as VIDEOS_SCHEMA
from curation.dataset.storage import Storage
from curation.dataset.wide import Column, columns
from curation.errors import UserError
from curation.provenance.made_with import Fingerprints, Parameters
from curation.shards.captions import WEIGHTS, choose_caption
from curation.shards.sample import MEDIA_FACTS, ORIGIN, PROVENANCE, Sample
from curation.suggestions import did_you_mean

if TYPE_CHECKING:
    import duckdb

CAPTION_PREFIX = "caption_"
# Of a manifest.
OWN_CAPTION = "caption"
_NO_CAPTIONS = ("_error", "_source")
_OF_VIDEOS = frozenset(quoted(name) for name in VIDEOS_SCHEMA.names)
_BATCH = 1000


@dataclass(frozen=True)
class Contents:
    """What samples of a dataset consist of. ``annotations``: columns that become fields of ``key.json``, those of the
    annotators and of the manifest; ``captions``: those of them that are captions; ``vectors``: columns that become
    members of their own; ``columns``: all that are read."""

    annotations: Sequence[str]
    captions: Sequence[str]
    vectors: Sequence[str]
    columns: Sequence[Column]

    @classmethod
    def of(cls, storage: Storage, vectors: Sequence[str]) -> Contents:
        """All annotations but lists and structs; of these ``vectors`` only.

        Raises:
            UserError: a vector is no column of numbers.
        """
        known = columns(storage)
        large = [name for name, column in known.items() if _is_vector(column.type)]
        for name in vectors:
            if name not in large:
                raise UserError(f"--vector {name}: no column of vectors has that name{did_you_mean(name, large)}")
        flat = {name: column for name, column in known.items() if not column.is_nested and _is_annotation(column)}
        captions = [name for name, column in flat.items() if _is_caption(name) and pa.types.is_string(column.type)]
        read = ["clip_id", "media", "bytes", "duration_s", *MEDIA_FACTS, *ORIGIN, *flat, *vectors]
        columns_read = [known[name] for name in dict.fromkeys(read)]
        return cls(list(flat), captions, list(dict.fromkeys(vectors)), columns_read)


def samples_by_shard(
    storage: Storage,
    clips: duckdb.DuckDBPyConnection,
    plan: pa.Table,
    contents: Contents,
    weights: Mapping[str, float],
    seed: int,
    made_with: Mapping[str, Parameters],
) -> Iterator[tuple[int, list[Sample]]]:
    """Number and samples of each shard, in the order of the plan. Memory does not grow with the number of clips, as
    DuckDB sorts on disk what is too much. ``clips``: a view of that name with the columns of ``contents``."""
    clips.register("plan", plan)
    rows = clips.sql("SELECT plan.shard, clips.* FROM plan JOIN clips USING (clip_id) ORDER BY shard, position")
    batches = rows.to_arrow_reader(_BATCH)
    fingerprints = Fingerprints(storage)

    @cache
    def stages(made: tuple[str, ...]) -> dict[str, dict[str, Any]]:
        return _stages(zip(fingerprints.tables(), made, strict=True), made_with)

    flat = (row for batch in batches for row in batch.to_pylist())
    for shard, members in groupby(flat, lambda row: row["shard"]):
        yield (
            shard,
            [_sample(row, contents, weights, seed, stages(fingerprints.of(row["clip_id"]))) for row in members],
        )


def _sample(
    row: Mapping[str, Any],
    contents: Contents,
    weights: Mapping[str, float],
    seed: int,
    stages: Mapping[str, Any],
) -> Sample:
    key = row["clip_id"]
    annotations = {
        "clip_id": key,
        "duration_s": row["duration_s"],
        **{name: row[name] for name in MEDIA_FACTS},
        **{name: row[name] for name in contents.annotations},
        WEIGHTS: weights,
        PROVENANCE: {**{name: row[name] for name in ORIGIN}, "stages": stages},
    }
    caption = choose_caption(annotations, random.Random(f"{seed}/{key}"))
    vectors = {name: row[name] for name in contents.vectors if row[name] is not None}
    return Sample(key, row["media"], row["bytes"], annotations, caption, vectors)


def _stages(made: Iterable[tuple[str, str]], made_with: Mapping[str, Parameters]) -> dict[str, dict[str, Any]]:
    """Stage → version (null where it was not recorded) and fingerprint; splitters have one fingerprint together.

    ``made``: tables and the fingerprints of a clip's rows there.
    """
    found = {}
    for table, fingerprint in made:
        for stage in made_with.get(fingerprint) or [{"name": table.rsplit("/", 1)[-1]}]:
            found[str(stage["name"])] = {"version": stage.get("version"), "fingerprint": fingerprint}
    return found


def _is_caption(name: str) -> bool:
    return name == OWN_CAPTION or (name.startswith(CAPTION_PREFIX) and not name.endswith(_NO_CAPTIONS))


def _is_annotation(column: Column) -> bool:
    """Whether an annotator or a manifest gave it."""
    return column.stage is not None or (column.table == VIDEOS and column.expression not in _OF_VIDEOS)


def _is_vector(kind: pa.DataType) -> bool:
    is_list = pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind) or pa.types.is_large_list(kind)
    return bool(is_list and (pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)))
