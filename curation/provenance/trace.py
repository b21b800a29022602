"""All that is known of one clip: its source, how its values were made, what filters say, where it is packed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pyarrow.compute as pc

from curation.dataset.description import read_description
from curation.dataset.duck import connect, scan
from curation.dataset.fingerprint import dataset_fingerprint
from curation.dataset.journal import ANNOTATIONS, CLIPS, VIDEOS
from curation.dataset.schema import VIDEOS as VIDEOS_SCHEMA
from curation.dataset.storage import Storage, join
from curation.errors import UserError
from curation.filters.selection import SELECTIONS, read_selection
from curation.provenance.made_with import Fingerprints, parameters
from curation.shards.folder import MANIFEST
from curation.shards.known import Known, known_shards
from curation.shards.reader import ShardReader

LEAST_DIGITS = 4
_MOST_NAMED = 5
_DIGITS = re.compile(r"[0-9a-f]{4,32}")


def trace(storage: Storage, clip: str) -> dict[str, Any]:
    """What is known of a clip, as plain values: clip, video, media, stages, filters, shards, and
    shards that cannot be looked at.

    ``clip``: its clip_id, or as many of the first digits, at least `LEAST_DIGITS`, as no other clip has.

    Raises:
        UserError: no clip, or more than one.
    """
    clip_id = full_id(storage, clip)
    row = _row(storage, CLIPS, "clip_id", clip_id) or {}
    shards = known_shards(storage)
    video = _row(storage, VIDEOS, "video_id", row["video_id"]) or {}
    return {
        "clip": row,
        "video": {name: value for name, value in video.items() if name != "transitions"},
        "manifest": {name: value for name, value in video.items() if name not in VIDEOS_SCHEMA.names},
        "media": {"path": storage.url_of(row["media"]), "is_there": storage.exists(row["media"])},
        "stages": _stages(storage, clip_id),
        "filters": _filters(storage, clip_id),
        "shards": _shards(shards, clip_id),
        "unreached_shards": dict(shards.unreached),
    }


def full_id(storage: Storage, clip: str) -> str:
    """The clip_id that begins with these digits. Raises UserError where there is none, or more than one."""
    if not _DIGITS.fullmatch(clip):
        raise UserError(
            f"{clip[:40]}: a clip_id is 32 hexadecimal digits, of which the first {LEAST_DIGITS} or more do"
        )
    ids = [row["clip_id"] for row in _rows(storage, CLIPS, "starts_with(clip_id, ?)", clip, "clip_id")]
    if not ids:
        raise UserError(f"{storage.url}: no clip has an id that begins with {clip}")
    if len(ids) > 1:
        named = ", ".join(sorted(ids)[:_MOST_NAMED])
        more = " …" if len(ids) > _MOST_NAMED else ""
        raise UserError(f"{storage.url}: {clip} begins the ids of {len(ids)} clips: {named}{more}")
    return str(ids[0])


def _row(storage: Storage, table: str, key: str, value: str) -> dict[str, Any] | None:
    return next(iter(_rows(storage, table, f"{key} = ?", value)), None)


def _rows(storage: Storage, table: str, condition: str, value: str, columns: str = "*") -> list[dict[str, Any]]:
    """Rows of a table, without reading those columns and row groups that have no part in it."""
    parts = storage.files(table, ".parquet")
    if not parts:
        return []
    query = f"SELECT {columns} FROM {scan(storage, parts)} WHERE {condition}"
    rows: list[dict[str, Any]] = connect(storage).sql(query, params=[value]).to_arrow_table().to_pylist()
    return rows


def _stages(storage: Storage, clip_id: str) -> list[dict[str, Any]]:
    """The stages that made the clip and its values, each with version and parameters (null where not recorded)."""
    made_with = parameters(storage, read_description(storage))
    fingerprints = Fingerprints(storage)
    found = []
    for table, fingerprint in zip(fingerprints.tables(), fingerprints.of(clip_id), strict=True):
        stage = table.rsplit("/", 1)[-1]
        values = None
        if table != CLIPS:
            row = _row(storage, join(ANNOTATIONS, stage), "clip_id", clip_id)
            if row is None:
                continue
            values = {name: value for name, value in row.items() if name != "clip_id"}
        for known in made_with.get(fingerprint) or [{"name": stage}]:
            found.append(
                {
                    "stage": known["name"],
                    "version": known.get("version"),
                    "fingerprint": fingerprint,
                    "config": known.get("config"),
                    "values": values,
                }
            )
    return found


def _filters(storage: Storage, clip_id: str) -> list[dict[str, Any]]:
    """What each selection says of the clip; ``kept`` is null where it was not there yet."""
    now = dataset_fingerprint(storage)
    found = []
    for file in storage.files(SELECTIONS, ".parquet"):
        selection = read_selection(storage, file.rsplit("/", 1)[1].removesuffix(".parquet"))
        rows = selection.rows.filter(pc.equal(selection.rows["clip_id"], clip_id)).to_pylist()
        row: Mapping[str, Any] = rows[0] if rows else {"kept": None, "reason": None, "reasons": None}
        said = {name: row[name] for name in ("kept", "reason", "reasons")}
        found.append({"filter": selection.name, **said, "is_stale": selection.dataset_fingerprint != now})
    return found


def _shards(known: Known, clip_id: str) -> list[dict[str, Any]]:
    """Where the clip is packed: folder, shard, and byte offset and size of each member."""
    found = []
    for folder in known.folders:
        if not folder.exists(MANIFEST):
            continue
        shards = ShardReader(folder.location)
        try:
            position = shards.position(clip_id)
        except KeyError:
            continue
        found.append({"shards": folder.location, "filter": shards.manifest["filter"], **shards.place(position)})
    return found
