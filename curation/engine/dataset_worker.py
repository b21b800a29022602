"""The Ray task of a stage that sees the whole dataset: all clips in, its table out."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.dataset.clip_columns import BLOCK_ROWS, CLIP_ID, ClipColumns, ColumnSource
from curation.dataset.schema import annotation_schema
from curation.dataset.storage import Storage
from curation.engine.annotate_worker import told
from curation.engine.ledger import Ledger
from curation.engine.source_worker import MAX_ATTEMPTS
from curation.engine.spec import StageSpec
from curation.engine.whole_dataset import publish
from curation.errors import DiskFullError
from curation.stage import DatasetAnnotator, columns_written


def annotate_dataset(
    dataset_url: str, ledger: Ledger, spec: StageSpec, sources: Mapping[str, ColumnSource], inputs: str
) -> None:
    """Compute and publish the table of one stage. ``inputs``: the state of the tables that it reads."""
    storage = Storage(dataset_url)
    stage = spec.build()
    assert isinstance(stage, DatasetAnnotator)
    stage.setup()
    began = time.process_time()
    counted = 0

    def progressed(count: int) -> None:
        nonlocal counted
        counted += count
        ledger.advanced(spec.name, count)

    clips = ClipColumns(storage, sources, progressed)
    checked = Checked(spec.name, clips)
    try:
        try:
            publish(storage, spec, checked.all_rows(stage.annotate_all(clips)), inputs)
        except DiskFullError:
            raise
        except Exception as failure:
            checked.failed = len(clips)
            publish(storage, spec, failures(spec, clips, told(failure)), inputs)
    except DiskFullError as error:
        ledger.stop_run(str(error))
        raise
    progressed(len(clips) - counted)
    event = {"stage": spec.name, "clips": len(clips), "failed": checked.failed}
    ledger.dataset_annotated(event, time.process_time() - began)


def record_death(storage: Storage, ledger: Ledger, spec: StageSpec, inputs: str) -> None:
    """Publish a table of errors: the worker did not live to do it."""
    clips = ClipColumns(storage, {})
    reason = f"the worker process died {MAX_ATTEMPTS} times on it (crash, or out of memory)"
    publish(storage, spec, failures(spec, clips, reason), inputs)
    ledger.dataset_annotated({"stage": spec.name, "clips": len(clips), "failed": len(clips)}, 0.0)


def failures(spec: StageSpec, clips: ClipColumns, reason: str) -> Iterator[pa.Table]:
    """Rows without values for all clips, with the reason."""
    error = f"{spec.name}_error"
    for start in range(0, len(clips), BLOCK_ROWS):
        ids = clips.ids(slice(start, start + BLOCK_ROWS))
        columns = {CLIP_ID: ids, error: pa.array([reason] * len(ids), pa.string())}
        yield _with_nulls(columns, spec)


def _with_nulls(columns: Mapping[str, pa.Array], spec: StageSpec) -> pa.Table:
    schema = annotation_schema(spec.name, dict(columns_written(spec.stage_class)))
    rows = len(columns[CLIP_ID])
    return pa.table([columns.get(field.name, pa.nulls(rows, field.type)) for field in schema], schema=schema)


class Checked:
    """Sees to it that each clip gets one row, and counts those with an error."""

    def __init__(self, stage: str, clips: ClipColumns) -> None:
        self._stage = stage
        self._clips = clips
        self.failed = 0

    def all_rows(self, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """The tables as they come.

        Raises:
            ValueError: a clip has no row or two, or there is no such clip.
        """
        seen = np.zeros(len(self._clips), bool)
        for table in tables:
            positions = self._clips.positions(table[CLIP_ID])
            if (positions < 0).any() or seen[positions].any() or len(np.unique(positions)) < len(positions):
                raise ValueError("returned a row for a clip that it was not given, or two for one")
            seen[positions] = True
            self.failed += pc.count(table[f"{self._stage}_error"]).as_py()
            yield table
        if not seen.all():
            raise ValueError(f"returned {seen.sum()} rows for {len(seen)} clips")
