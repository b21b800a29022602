"""`selections/<filter>.parquet`: which clips of a dataset a filter keeps, and why it drops the others."""

from __future__ import annotations

import json
import shlex
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curation.dataset.fingerprint import dataset_fingerprint
from curation.dataset.lock import no_removal
from curation.dataset.storage import Storage, join
from curation.dataset.wide import CLIP_ID
from curation.errors import DiskFullError, UserError
from curation.filters.evaluate import Verdicts
from curation.filters.load import filter_name
from curation.filters.rule import Filter
from curation.filters.table import ClipTable
from curation.scratch import scratch_space

SELECTIONS = "selections"
SCHEMA = pa.schema(
    [(CLIP_ID, pa.string()), ("kept", pa.bool_()), ("reason", pa.string()), ("reasons", pa.list_(pa.string()))]
)
FILTER, RESOLVED, FINGERPRINT = b"curation.filter", b"curation.resolved", b"curation.dataset_fingerprint"
ROWS_AT_ONCE = 1_000_000
# Columns with few distinct values, which Parquet stores once each.
REPEATED = ["reason", "reasons.list.element"]


@dataclass(frozen=True)
class Selection:
    """A selection as it is stored. ``rows``: clip_id, kept, reason, reasons, sorted by clip_id; ``filter``: as it was
    written; ``resolved``: with percentiles as numbers; ``dataset_fingerprint``: of the tables it was made from."""

    name: str
    rows: pa.Table
    filter: Mapping[str, Any]
    resolved: Mapping[str, Any]
    dataset_fingerprint: str

    def kept_ids(self) -> list[str]:
        """The clips that are kept, sorted."""
        kept: list[str] = self.rows.filter(self.rows["kept"])[CLIP_ID].to_pylist()
        return kept

    def is_stale(self, storage: Storage) -> bool:
        """Whether the tables of the dataset have changed since: clips or annotations may have come or gone."""
        return self.dataset_fingerprint != dataset_fingerprint(storage)


def selection_file(name: str) -> str:
    """The file of a selection inside a dataset. Raises UserError where ``name`` cannot be that of a filter."""
    return join(SELECTIONS, f"{filter_name(name)}.parquet")


def write_selection(storage: Storage, verdicts: Verdicts, table: ClipTable) -> str:
    """Publish what a filter says of each clip; returns the name of the file inside the dataset.

    Raises:
        UserError: the dataset cannot be written to, or a disk is full; a source is being taken out of it, or its tables
            have changed since they were read.
    """
    no_removal(storage)
    name = selection_file(verdicts.resolved.filter.name)
    metadata = {
        FILTER: json.dumps(verdicts.resolved.filter.to_dict()),
        RESOLVED: json.dumps(verdicts.resolved.to_dict(), default=str),
        FINGERPRINT: table.fingerprint,
    }
    try:
        _publish(storage, name, verdicts, table, SCHEMA.with_metadata(metadata))
    except DiskFullError as error:
        raise UserError(str(error)) from error
    except OSError as error:
        raise UserError(f"{storage.url}/{name}: cannot be written: {error.strerror or error}") from error
    _check_unchanged(storage, name, table)
    return name


def read_selection(storage: Storage, name: str) -> Selection:
    """The selection of a filter.

    Raises:
        UserError: it is not there, with the command that makes it; the file is no selection.
    """
    file = selection_file(name)
    try:
        with storage.fs.open(storage.path(file), "rb") as handle:
            rows = pq.read_table(handle)
    except FileNotFoundError:
        raise UserError(f'{storage.url}: no selection "{name}" yet; make it with: {_command(storage, name)}') from None
    except pa.ArrowInvalid as error:
        raise UserError(f"{storage.url}/{file}: not a Parquet file: {error}") from None
    metadata = rows.schema.metadata or {}
    if not {FILTER, RESOLVED, FINGERPRINT} <= metadata.keys():
        raise UserError(f"{storage.url}/{file}: not a selection of curation filter")
    return Selection(
        name,
        rows.replace_schema_metadata(None),
        json.loads(metadata[FILTER]),
        json.loads(metadata[RESOLVED]),
        metadata[FINGERPRINT].decode(),
    )


def outdated(storage: Storage, filter: Filter, fingerprint: str) -> str | None:
    """Why the selection that is stored is not what the filter says of tables with this fingerprint, with the command
    that makes it anew; None when it is, or when none is stored. Only its metadata are read."""
    file = selection_file(filter.name)
    try:
        with storage.fs.open(storage.path(file), "rb") as handle:
            metadata = pq.read_schema(handle).metadata or {}
    except (FileNotFoundError, pa.ArrowInvalid):
        return None
    if metadata.get(FINGERPRINT, b"").decode() != fingerprint:
        why = "the tables have changed since it was made"
    elif json.loads(metadata.get(FILTER, b"null")) != filter.to_dict():
        why = "it was made with other rules"
    else:
        return None
    return f"{storage.url}/{file}: {why}; make it anew: {_command(storage, filter.name)}"


def _check_unchanged(storage: Storage, name: str, table: ClipTable) -> None:
    """Readers hold no lock: a removal may have begun after the tables were read, and have passed the selections before
    this one came, which then names clips that are to be gone."""
    if table.fingerprint and table.fingerprint != dataset_fingerprint(storage):
        storage.delete([name])
        raise UserError(f"{storage.url}: the tables have changed while they were read; give the same command again")


def _command(storage: Storage, name: str) -> str:
    return f"curation filter {shlex.quote(storage.url)} --filter {name}"


def _publish(storage: Storage, name: str, verdicts: Verdicts, table: ClipTable, schema: pa.Schema) -> None:
    with scratch_space(), tempfile.TemporaryDirectory(prefix="curation-") as folder:
        local = Path(folder) / "selection.parquet"
        with pq.ParquetWriter(local, schema, compression="zstd", use_dictionary=REPEATED) as file:
            for start in range(0, len(table), ROWS_AT_ONCE):
                file.write_table(_rows(verdicts, table, slice(start, min(start + ROWS_AT_ONCE, len(table)))))
        storage.put_file(local, name)


def _rows(verdicts: Verdicts, table: ClipTable, part: slice) -> pa.Table:
    shape = (len(verdicts.rules), part.stop - part.start)
    dropped = np.ascontiguousarray(np.array([rule.dropped[part] for rule in verdicts.rules], np.bool_).reshape(shape).T)
    null = np.array([rule.null[part] for rule in verdicts.rules], np.bool_).reshape(shape)
    clip, rule = np.nonzero(dropped)
    reasons = _labels(verdicts).take(pa.array(2 * rule + null[rule, clip]))
    start = np.concatenate([[0], np.cumsum(dropped.sum(axis=1))])
    kept = start[1:] == start[:-1]
    return pa.table(
        [
            table.values(CLIP_ID)[part],
            pa.array(kept),
            reasons.take(pa.array(start[:-1], mask=kept)),
            pa.ListArray.from_arrays(pa.array(start, pa.int32()), reasons),
        ],
        names=SCHEMA.names,
    ).cast(SCHEMA)


def _labels(verdicts: Verdicts) -> pa.Array:
    """What stands in reason and reasons: of each rule its label, and that of clips where the value is null."""
    rules = [resolved.rule for resolved in verdicts.resolved.rules]
    return pa.array([label for rule in rules for label in (rule.label, rule.null_label)], pa.string())
