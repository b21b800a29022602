"""manifest.json, index.parquet and shards.json: they are there if and only if the shards beside them are whole."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, fields
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import curation
from curation.dataset.storage import Storage, join
from curation.errors import UserError
from curation.shards.folder import INDEX, LATENTS, MANIFEST, PACKING, PREVIOUS, WIDS, forget_energon
from curation.shards.record import KEY, SHARD, LeftOut, Shard, ShardRecord
from curation.shards.sample import ANNOTATIONS, CAPTION, MEDIA

FORMAT_VERSION = 1
ROWS_PER_GROUP = 10_000
READ_THREADS = 16
_MEMBERS = [f"{extension}_{what}" for extension in (MEDIA, ANNOTATIONS, CAPTION) for what in ("offset", "size")]
_EMPTY = pa.schema(
    [(KEY, pa.string()), (SHARD, pa.string()), *((member, pa.int64()) for member in _MEMBERS)]
).empty_table()


def manifest_of(settings: Mapping[str, Any], shards: Sequence[Shard], left_out: Sequence[LeftOut]) -> dict[str, Any]:
    """The content of manifest.json. ``settings``: how shards were made; ``left_out``: clips that none of them has."""
    return {
        "format_version": FORMAT_VERSION,
        "code_version": curation.__version__,
        **settings,
        "counts": {
            "samples": sum(shard.samples for shard in shards),
            "shards": len(shards),
            "bytes": sum(shard.bytes for shard in shards),
            "seconds": round(sum(shard.seconds for shard in shards), 3),
            "without_caption": sum(shard.without_caption for shard in shards),
            "left_out": len(left_out),
        },
        "left_out": [asdict(one) for one in left_out],
        "shards": [asdict(shard) for shard in shards],
    }


def is_published(storage: Storage, manifest: Mapping[str, Any]) -> bool:
    """Whether this is the manifest that is there."""
    return storage.exists(MANIFEST) and storage.read_bytes(MANIFEST) == _json(manifest)


def publish(storage: Storage, manifest: Mapping[str, Any], indexes: Sequence[pa.Table]) -> None:
    """Write the three files, the manifest last. ``indexes``: of the shards, in their order."""
    storage.write_bytes(INDEX, _index_bytes(indexes))
    storage.write_bytes(WIDS, _json(_wids(manifest)))
    storage.write_bytes(MANIFEST, _json(manifest))


def read_manifest(storage: Storage) -> dict[str, Any]:
    """The content of manifest.json.

    Raises:
        UserError: there is none, or it is of a newer format.
    """
    try:
        manifest = json.loads(storage.read_bytes(MANIFEST))
    except (FileNotFoundError, NotADirectoryError) as error:
        begun = " (a pack was interrupted there)" if storage.files(PACKING) else ""
        raise UserError(f"{storage.url}: no whole shards{begun}; write them with: curation pack") from error
    except ValueError as error:
        raise UserError(f"{storage.url}/{MANIFEST}: not JSON: {error}") from error
    if manifest.get("format_version") != FORMAT_VERSION:
        raise UserError(
            f"{storage.url}: shards of format version {manifest.get('format_version')}; this program reads "
            f"{FORMAT_VERSION}"
        )
    return dict(manifest)


def read_index(storage: Storage, columns: Sequence[str] | None = None) -> pa.Table:
    """index.parquet: see `ShardRecord.index`."""
    return pq.read_table(io.BytesIO(storage.read_bytes(INDEX)), columns=None if columns is None else list(columns))


def read_records(storage: Storage) -> dict[str, ShardRecord]:
    """What is known of the shards in a folder, by name; those that were being written are left out."""
    found: dict[str, ShardRecord] = {}
    for folder in (PREVIOUS, ""):
        if storage.exists(join(folder, MANIFEST)) and storage.exists(join(folder, INDEX)):
            found.update(_published(storage, folder))
    names = storage.files(PACKING, ".record")
    with ThreadPoolExecutor(READ_THREADS) as threads:
        contents = list(threads.map(storage.read_bytes, names))
    for name, data in zip(names, contents, strict=True):
        shard = name.rsplit("/", 1)[1].removesuffix(".record")
        found.pop(shard, None)
        if data:
            found[shard] = ShardRecord.from_bytes(data)
    return found


def unpublish(storage: Storage) -> bool:
    """The shards are about to change: put aside what says that they are whole, and delete the latents of their clips.
    Whether ``energon prepare`` is needed again."""
    storage.delete_tree(LATENTS)
    if storage.exists(MANIFEST):
        for name in (INDEX, MANIFEST):
            storage.write_bytes(join(PREVIOUS, name), storage.read_bytes(name))
        storage.delete([MANIFEST, WIDS, INDEX])
    return forget_energon(storage)


def _published(storage: Storage, folder: str) -> dict[str, ShardRecord]:
    manifest = json.loads(storage.read_bytes(join(folder, MANIFEST)))
    if manifest.get("format_version") != FORMAT_VERSION:
        return {}
    index = pq.read_table(io.BytesIO(storage.read_bytes(join(folder, INDEX))))
    if index.num_rows != manifest["counts"]["samples"]:
        return {}
    left_out: dict[str, list[LeftOut]] = {}
    for one in manifest["left_out"]:
        left_out.setdefault(one["shard"], []).append(LeftOut(**one))
    names = [field.name for field in fields(Shard)]
    found, start = {}, 0
    for told in manifest["shards"]:
        shard = Shard(**{name: told[name] for name in names})
        rows = index.slice(start, shard.samples)
        start += shard.samples
        found[shard.name] = ShardRecord(shard, left_out.get(shard.name, []), rows)
    return found


def _index_bytes(tables: Sequence[pa.Table]) -> bytes:
    """The rows of all shards: names and members first, then the numbers by name."""
    index = pa.concat_tables([_EMPTY, *tables], promote_options="permissive").combine_chunks()
    members = [name for name in index.column_names if name.endswith(("_offset", "_size")) and name not in _MEMBERS]
    first = [KEY, SHARD, *_MEMBERS, *sorted(members)]
    ordered = [*first, *sorted(set(index.column_names) - set(first))]
    buffer = pa.BufferOutputStream()
    pq.write_table(index.select(ordered), buffer, compression="zstd", row_group_size=ROWS_PER_GROUP)
    return bytes(buffer.getvalue().to_pybytes())


def _wids(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The list of shards as the package `wids` reads it; URLs are relative to the list."""
    shards = [
        {"url": shard["name"], "nsamples": shard["samples"], "filesize": shard["bytes"]} for shard in manifest["shards"]
    ]
    return {"__kind__": "wids-shard-index-v1", "wids_version": 1, "name": manifest["filter"], "shardlist": shards}


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
