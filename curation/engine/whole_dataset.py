"""Annotations that depend on all clips at once: what they were made from, whether that has changed, their table."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from curation.dataset.clip_columns import CLIP_ID, ColumnSource
from curation.dataset.journal import ANNOTATIONS, CLIPS
from curation.dataset.schema import CLIPS as CLIPS_SCHEMA
from curation.dataset.schema import annotation_schema
from curation.dataset.storage import Storage, join
from curation.dataset.table import FINGERPRINT, Table
from curation.engine.pipeline import Stages
from curation.engine.spec import StageSpec
from curation.scratch import scratch_space
from curation.stage import columns_written

# Beside the fingerprint of the parameters in a part's metadata: the state of the tables that it was made from.
INPUTS = b"curation.inputs"


def column_sources(stages: Stages, spec: StageSpec) -> dict[str, ColumnSource]:
    """Where each column stands that the stage reads."""
    sources = {name: ColumnSource(CLIPS) for name in CLIPS_SCHEMA.names}
    for other in (*stages.annotators, *stages.dataset_annotators):
        source = ColumnSource(_folder(other), other.fingerprint)
        sources |= dict.fromkeys(columns_written(other.stage_class), source)
    return {name: sources[name] for name in spec.inputs}


def inputs_state(storage: Storage, stages: Stages, spec: StageSpec) -> str:
    """A hash over names and sizes of the parts of all tables that the stage reads. It costs a listing, and changes when
    a row does: a part that is written anew has another name or another size. A table over the whole dataset keeps its
    name: there the state that it was made from counts too."""
    digest = hashlib.sha256()
    sources = column_sources(stages, spec)
    for folder in sorted({CLIPS, *(source.folder for source in sources.values())}):
        for part, size in storage.sizes(folder, ".parquet").items():
            digest.update(f"{size} {part} ".encode() + _metadata(storage, part).get(INPUTS, b"") + b"\n")
    return digest.hexdigest()


def is_up_to_date(storage: Storage, stages: Stages, spec: StageSpec) -> bool:
    """Whether the stage's table was made with its present parameters from the present clips and columns."""
    parts = storage.files(_folder(spec), ".parquet")
    if not storage.files(CLIPS, ".parquet"):
        return True
    if len(parts) != 1:
        return False
    made = _metadata(storage, parts[0])
    return (
        made.get(FINGERPRINT) == spec.fingerprint.encode()
        and made.get(INPUTS) == inputs_state(storage, stages, spec).encode()
    )


def out_of_date(storage: Storage, stages: Stages) -> list[str]:
    """Names of the stages over the whole dataset whose tables are not up to date."""
    return [spec.name for spec in stages.dataset_annotators if not is_up_to_date(storage, stages, spec)]


def affected(stages: Stages, changing: Collection[str], *, clips_change: bool) -> tuple[str, ...]:
    """Names of the stages over the whole dataset that have to be done when those ``changing`` are done (they may be
    among them), or the clips change."""
    changed = set(changing)
    for spec in stages.dataset_annotators:
        read = {source.folder for source in column_sources(stages, spec).values()}
        if clips_change or not read.isdisjoint(join(ANNOTATIONS, name) for name in changed):
            changed.add(spec.name)
    return tuple(spec.name for spec in stages.dataset_annotators if spec.name in changed)


def tables_left_behind(storage: Storage, stages: Stages) -> list[str]:
    """Names of stages over the whole dataset that are not in this pipeline, and whose tables are of other clips than
    there are now."""
    mine = {spec.name for spec in (*stages.annotators, *stages.dataset_annotators)}
    others = {part.split("/")[1]: part for part in storage.files(ANNOTATIONS, ".parquet")}
    found = [name for name, part in others.items() if name not in mine and INPUTS in _metadata(storage, part)]
    clips = Table(storage, CLIPS, CLIP_ID).keys() if found else set()
    return [name for name in found if Table(storage, join(ANNOTATIONS, name), CLIP_ID).keys() != clips]


def publish(storage: Storage, spec: StageSpec, tables: Iterable[pa.Table], inputs: str) -> None:
    """Make ``tables`` the stage's whole table, by one file that appears at once.

    A table that other parameters made goes before that file comes: a process that dies in between leaves none, never
    rows of both.
    """
    schema = annotation_schema(spec.name, dict(columns_written(spec.stage_class)))
    schema = schema.with_metadata({FINGERPRINT: spec.fingerprint.encode(), INPUTS: inputs.encode()})
    name = join(_folder(spec), f"part-000000-{spec.fingerprint}.parquet")
    with tempfile.TemporaryDirectory(prefix="curation-") as folder:
        local = Path(folder, "table.parquet")
        with scratch_space(), pq.ParquetWriter(local, schema, compression="zstd") as writer:
            for table in tables:
                writer.write_table(table.select(schema.names).cast(schema))
        storage.delete([part for part in storage.files(_folder(spec), ".parquet") if part != name])
        storage.put_file(local, name)


def _folder(spec: StageSpec) -> str:
    return join(ANNOTATIONS, spec.name)


def _metadata(storage: Storage, part: str) -> Mapping[bytes, bytes]:
    with storage.open(part) as file:
        return pq.read_schema(file).metadata or {}
