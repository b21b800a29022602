"""Carrying a removal out. Every step may be done again, so one that was interrupted is simply done from the start."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Collection
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curation.dataset import journal
from curation.dataset.dataset import Dataset
from curation.dataset.description import describe, read_description
from curation.dataset.fingerprint import dataset_fingerprint
from curation.dataset.journal import ANNOTATIONS, CLIPS, VIDEOS, table_of
from curation.dataset.lock import REMOVAL
from curation.dataset.storage import Storage, join
from curation.dataset.sweep import CONTACT_SHEETS, MEDIA
from curation.dataset.table import read_part, write_part
from curation.engine.identify import STATE
from curation.filters.selection import FILTER, FINGERPRINT, RESOLVED, SELECTIONS
from curation.provenance.owed import owe
from curation.provenance.removal import Removal
from curation.provenance.removed import append
from curation.provenance.scrub import scrub, scrub_text
from curation.shards.known import elsewhere, why_unreached
from curation.shards.take_out import take_out, take_out_unfinished


def carry_out(storage: Storage, removal: Removal, working: Callable[[str], None] = lambda what: None) -> None:
    """Take out all that ``removal`` names; the caller holds the lock of the dataset, and has written it down.

    Raises:
        UserError: another process writes to shards.
        DiskFullError: no space is left.
    """
    working("tables and clips")
    journal.fold(storage, workers_gone=True)
    _from_tables(storage, removal)
    _from_media(storage, removal)
    _from_state(storage, removal)
    now = dataset_fingerprint(storage)
    _from_selections(storage, removal, now)

    def amended(settings: dict[str, Any]) -> dict[str, Any]:
        for name in ("dataset_fingerprint", "selection_fingerprint"):
            settings[name] = now if settings[name] == removal.fingerprint else settings[name]
        return {name: scrub(value, removal.names, removal.sources) for name, value in settings.items()}

    unreached = set(removal.unreached)
    for one in removal.shards:
        folder = Storage(one.location)
        working(f"shards in {one.location}")
        if why_unreached(one.location):
            unreached |= {one.location}.intersection(elsewhere(storage))
            continue
        if one.whole:
            take_out(folder, one.shards, removal.gone, amended)
        else:
            take_out_unfinished(folder, removal.gone)
    for location in sorted(unreached):
        owe(storage, location, removal.gone, removal.named)
    describe(storage, read_description(storage)["pipeline"])
    append(storage, removal.entries())
    storage.delete([REMOVAL])


def _from_tables(storage: Storage, removal: Removal) -> None:
    clip_ids, video_ids = set(removal.clip_ids), set(removal.video_ids)
    for stage in Dataset(storage.url).annotated_stages():
        unsettled = removal.unsettled.get(stage, ())
        table_of(storage, join(ANNOTATIONS, stage)).remove(clip_ids | set(unsettled))
    table_of(storage, CLIPS).remove(video_ids)
    table_of(storage, VIDEOS).remove(video_ids)


def _from_media(storage: Storage, removal: Removal) -> None:
    """Clips, also those that no row names any more, pictures, and what an interrupted run had written aside."""
    storage.delete([join(CONTACT_SHEETS, f"{video_id}.jpg") for video_id in removal.video_ids])
    for video_id in removal.video_ids:
        storage.delete_tree(join(MEDIA, video_id[:2], video_id))
    storage.remove_leftovers()


def _from_state(storage: Storage, removal: Removal) -> None:
    """The hashes of sources that were read."""
    if storage.exists(STATE):
        rows, fingerprint = read_part(storage, STATE)
        left = rows.filter(pc.invert(pc.is_in(rows["video_id"], value_set=pa.array(removal.video_ids, pa.string()))))
        write_part(storage, STATE, left, fingerprint)


def _from_selections(storage: Storage, removal: Removal, fingerprint: str) -> None:
    """Rows of clips that go, and what filters say of their source. A selection that was up to date stays so: its
    thresholds are what they were."""
    gone = pa.array(removal.clip_ids, pa.string())
    for name in storage.files(SELECTIONS, ".parquet"):
        rows = pq.read_table(io.BytesIO(storage.read_bytes(name)))
        metadata = dict(rows.schema.metadata or {})
        if metadata.get(FINGERPRINT, b"").decode() == removal.fingerprint:
            metadata[FINGERPRINT] = fingerprint.encode()
        for key in {FILTER, RESOLVED} & metadata.keys():
            metadata[key] = json.dumps(scrub(json.loads(metadata[key]), removal.names, removal.sources)).encode()
        left = rows.filter(pc.invert(pc.is_in(rows["clip_id"], value_set=gone)))
        left = _scrubbed(left, removal.sources).replace_schema_metadata(metadata)
        buffer = io.BytesIO()
        pq.write_table(left, buffer, compression="zstd")
        storage.write_bytes(name, buffer.getvalue())


def _scrubbed(rows: pa.Table, texts: Collection[str]) -> pa.Table:
    """The labels of rules, which are few, without these texts."""
    labels = pc.unique(pc.list_flatten(rows["reasons"])).to_pylist()
    changed = {label: scrub_text(label, texts) for label in labels}
    if all(label == said for label, said in changed.items()):
        return rows
    told = [
        {**row, "reason": changed.get(row["reason"]), "reasons": [changed[label] for label in row["reasons"]]}
        for row in rows.to_pylist()
    ]
    return pa.Table.from_pylist(told, schema=rows.schema)
