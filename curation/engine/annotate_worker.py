"""An actor pool per annotator: a batch of clips in, their values into the journal, the clips on to the next stage."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from curation.dataset import journal
from curation.dataset.schema import annotation_schema
from curation.dataset.storage import Storage
from curation.engine.ledger import Ledger
from curation.engine.source_worker import MAX_ATTEMPTS
from curation.engine.spec import StageSpec
from curation.engine.work import TRAVELLING, values_json
from curation.errors import DiskFullError, ItemError
from curation.stage import Annotator, ClipSample
from curation.video.frame_packing import unpack

Outcome = tuple[dict[str, Any], str | None]


class DeviceLostError(Exception):
    """The GPU of this process answers nothing but errors from now on."""


class AnnotateWorker:
    """What annotates with one stage: rows of `TRAVELLING` in and out.

    Raises `DeviceLostError`, and `DiskFullError`: no clip is to blame, and nothing can go on here.

    ``is_last``: nobody reads the frames after this stage; ``carry``: columns that a later stage reads.
    """

    def __init__(self, dataset_url: str, ledger: Ledger, spec: StageSpec, is_last: bool, carry: frozenset[str]) -> None:
        self.storage = Storage(dataset_url)
        self.ledger = ledger
        self.spec = spec
        self.is_last = is_last
        self.carry = carry
        stage = spec.build()
        assert isinstance(stage, Annotator)
        self.stage = stage
        self.columns = pa.schema(list(stage.writes.items()))
        self.stage.setup()

    def __call__(self, batch: pa.Table) -> pa.Table:
        rows = batch.to_pylist()
        mine = [row for row in rows if self.spec.name in row["todo"]]
        if mine:
            try:
                began = time.process_time()
                results = self._annotate(mine)
                self._record(mine, results, time.process_time() - began)
            except DiskFullError as error:
                self.ledger.stop_run(str(error))
                raise
            for row, (values, _) in zip(mine, results, strict=True):
                carried = {name: value for name, value in values.items() if name in self.carry}
                row["values"] = values_json(json.loads(row["values"]) | carried)
        if self.is_last:
            for row in rows:
                row["frames"] = None
        return pa.Table.from_pylist(rows, schema=TRAVELLING)

    def _annotate(self, rows: list[dict[str, Any]]) -> list[Outcome]:
        """Values and error of each clip; a batch that fails is done again clip by clip."""
        readable = [row for row in rows if row["error"] is None]
        results: dict[str, Outcome] = {
            row["clip_id"]: ({}, f"frames: {row['error']}") for row in rows if row["error"] is not None
        }
        if readable and self._attempt(_batch_key(rows)) == 1:
            outcomes, error = self._call([self._sample(row) for row in readable])
            if error is None:
                results |= {row["clip_id"]: outcome for row, outcome in zip(readable, outcomes, strict=True)}
        for row in readable:
            if row["clip_id"] not in results:
                results[row["clip_id"]] = self._annotate_one(row)
        return [results[row["clip_id"]] for row in rows]

    def _annotate_one(self, row: dict[str, Any]) -> Outcome:
        if self._attempt(row["clip_id"]) > MAX_ATTEMPTS:
            return {}, f"the worker process died {MAX_ATTEMPTS} times on it (crash, or out of memory)"
        outcomes, error = self._call([self._sample(row)])
        self.ledger.end_batch(self._key(row["clip_id"]))
        return outcomes[0] if error is None else ({}, error)

    def _call(self, clips: Sequence[ClipSample]) -> tuple[list[Outcome], str | None]:
        """The outcome of each clip, or why there is none of any."""
        try:
            answers = self.stage.annotate(clips)
            if len(answers) != len(clips):
                return [], f"returned {len(answers)} results for {len(clips)} clips"
            outcomes: list[Outcome] = [
                ({}, told(answer)) if isinstance(answer, ItemError) else (dict(answer), None) for answer in answers
            ]
            unknown = {name for values, error in outcomes if error is None for name in values} - set(self.columns.names)
            if unknown:
                return [], f"returned {', '.join(sorted(unknown))}, which {self.spec.name} does not write"
            pa.Table.from_pylist([values for values, _ in outcomes], schema=self.columns)
        except DiskFullError:
            raise
        except Exception as failure:
            if _is_device_lost(failure):
                raise DeviceLostError(told(failure)) from failure
            return [], told(failure)
        return outcomes, None

    def _attempt(self, name: str) -> int:
        return self.ledger.begin_batch(self._key(name))

    def _key(self, name: str) -> str:
        return f"{self.spec.name}/{hashlib.sha256(name.encode()).hexdigest()[:32]}"

    def _sample(self, row: dict[str, Any]) -> ClipSample:
        frames = unpack(row["frames"]).get(self.spec.name) if row["frames"] else None
        known = {**json.loads(row["row"]), **json.loads(row["values"])}
        values = {name: known.get(name) for name in self.stage.inputs() if name != "frames"}
        return ClipSample(row["clip_id"], json.loads(row["row"]), frames, values)

    def _record(self, rows: list[dict[str, Any]], results: list[Outcome], cpu_s: float) -> None:
        error_column = f"{self.spec.name}_error"
        records = [
            {"clip_id": row["clip_id"], **values, error_column: error}
            for row, (values, error) in zip(rows, results, strict=True)
        ]
        table = pa.Table.from_pylist(records, schema=annotation_schema(self.spec.name, dict(self.stage.writes)))
        journal.record_annotations(self.storage, self.spec.name, table, self.spec.fingerprint)
        failed = sum(error is not None for _, error in results)
        event = {"stage": self.spec.name, "clips": len(rows), "failed": failed}
        self.ledger.clips_annotated(event, cpu_s, self._key(_batch_key(rows)))


def _batch_key(rows: Sequence[Mapping[str, Any]]) -> str:
    return "|".join(row["clip_id"] for row in rows)


def told(failure: Exception) -> str:
    """Kind and message of an exception in one line of valid Unicode."""
    return " ".join(f"{type(failure).__name__}: {failure}".split()).encode("utf-8", "replace").decode()


def _is_device_lost(error: Exception) -> bool:
    """Whether a GPU will answer nothing but errors from now on: only a new process gets a working one."""
    text = str(error)
    return "CUDA error" in text and "out of memory" not in text
