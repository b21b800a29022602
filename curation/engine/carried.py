"""What manifests say of the videos of a dataset: columns of one type each, kept from run to run, brought up to date."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curation.dataset import journal
from curation.dataset.column_types import as_text
from curation.dataset.journal import ANNOTATIONS, CLIPS, VIDEOS, table_of
from curation.dataset.schema import VIDEOS as VIDEOS_SCHEMA
from curation.dataset.storage import Storage, join
from curation.engine.identify import IdentifiedSource
from curation.engine.pipeline import Stages
from curation.engine.rows import video_table
from curation.engine.work import VideoItem
from curation.sources.columns import unify
from curation.sources.discover import SourceRef
from curation.stage import MANIFEST, Annotator

Columns = Mapping[str, Any]


def carried(row: Columns) -> dict[str, Any]:
    """Of a row of `videos` the columns that a manifest carried in."""
    return {name: value for name, value in row.items() if name not in VIDEOS_SCHEMA.names and value is not None}


def carried_columns(storage: Storage) -> dict[str, dict[str, Any]]:
    """What manifests say of each video of the dataset, by id."""
    table = table_of(storage, VIDEOS)
    names = [name for name in table.schema().names if name not in VIDEOS_SCHEMA.names]
    rows = table.read(["video_id", *names]) if names else None
    return {} if rows is None else {row["video_id"]: carried(row) for row in rows.to_pylist()}


def settled(storage: Storage, sources: Sequence[SourceRef]) -> list[SourceRef]:
    """The sources with columns of the types that the dataset will have: those of its own columns, widened by
    `curation.sources.columns.unify` where these values need it."""
    known = {field.name: _kind(field.type) for field in table_of(storage, VIDEOS).schema()}
    rows = unify([source.columns for source in sources], known)
    return [replace(source, columns=row) for source, row in zip(sources, rows, strict=True)]


def with_carried(storage: Storage, sources: Sequence[IdentifiedSource]) -> list[IdentifiedSource]:
    """The sources with, in addition, the columns that the dataset has of them and that no manifest names now."""
    said = carried_columns(storage)
    return [replace(source, columns={**said.get(source.video_id, {}), **source.columns}) for source in sources]


def bring_up_to_date(storage: Storage, stages: Stages, items: Sequence[VideoItem]) -> int:
    """Give videos that were split before the columns of ``items``; returns how many rows changed.

    Annotations that were made from the manifest, directly or through other stages, are dropped for their clips: they
    are missing then, and computed again. That happens first, so that an interruption leaves no annotation of old
    columns beside new ones. Videos of `to_split_again` keep their rows until that is done.
    """
    table = table_of(storage, VIDEOS)
    said, done = carried_columns(storage), table.keys(stages.fingerprint)
    again = to_split_again(storage, stages, items)
    changed = {
        item.video_id: item.columns
        for item in items
        if item.video_id in done - again and not _same(item.columns, said.get(item.video_id, {}))
    }
    if changed or again:
        _drop_annotations(storage, stages, pa.array(sorted({*changed, *again}), pa.string()))
    rows = table.read() if changed else None
    if rows is None:
        return 0
    wanted = pa.array(sorted(changed), pa.string())
    old = rows.filter(pc.is_in(rows["video_id"], value_set=wanted)).to_pylist()
    new = [{**row, **changed[row["video_id"]]} for row in old]
    journal.record_video_rows(storage, video_table(*new), stages.fingerprint)
    journal.fold(storage, workers_gone=True)
    return len(new)


def to_split_again(storage: Storage, stages: Stages, items: Iterable[VideoItem]) -> set[str]:
    """Ids of videos of which the manifest says something else than when they were split, in a column that a splitter
    reads."""
    read = stages.manifest_columns
    said = carried_columns(storage) if read else {}
    return {
        item.video_id
        for item in items
        if item.video_id in said and not _same(_only(read, item.columns), _only(read, said[item.video_id]))
    }


def made_from_manifest(stages: Stages) -> list[str]:
    """Names of the annotators that read the manifest, or columns of annotators that do."""
    names, columns = [], {MANIFEST}
    for spec in stages.annotators:
        if columns & set(spec.inputs):
            assert issubclass(spec.stage_class, Annotator)
            names.append(spec.name)
            columns |= set(spec.stage_class.writes)
    return names


def _drop_annotations(storage: Storage, stages: Stages, video_ids: pa.Array) -> None:
    clips = table_of(storage, CLIPS).read(["clip_id", "video_id"])
    if clips is None:
        return
    clip_ids = set(clips.filter(pc.is_in(clips["video_id"], value_set=video_ids))["clip_id"].to_pylist())
    for name in made_from_manifest(stages):
        table_of(storage, join(ANNOTATIONS, name)).remove(clip_ids)


def _only(names: Collection[str], columns: Columns) -> Columns:
    return {name: value for name, value in columns.items() if name in names}


def _same(new: Columns, old: Columns) -> bool:
    """Whether the columns say the same; a number and its text do."""
    new = {name: value for name, value in new.items() if value is not None}
    return new.keys() == old.keys() and all(
        value == old[name] or as_text(value) == as_text(old[name]) for name, value in new.items()
    )


def _kind(arrow: pa.DataType) -> type:
    if pa.types.is_boolean(arrow):
        return bool
    if pa.types.is_integer(arrow):
        return int
    return float if pa.types.is_floating(arrow) else str
