"""Taking samples out of shards that are packed already. The bytes of the other samples stay as they are."""

from __future__ import annotations

import json
import tarfile
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from curation.dataset.storage import Storage, join
from curation.provenance.scrub import scrub
from curation.scratch import scratch_space
from curation.shards.folder import MANIFEST, PACKING, PREVIOUS, forget_energon, only_packer, record_name, shards_in
from curation.shards.manifest import is_published, manifest_of, publish, read_records, unpublish
from curation.shards.record import KEY, SHARD, LeftOut, Shard, ShardRecord
from curation.shards.sample import ANNOTATIONS, CAPTION, numbers_of, to_json
from curation.shards.tar import TarWriter

# Of a manifest, what `manifest_of` adds to the settings.
_COUNTED = ("format_version", "code_version", "counts", "left_out", "shards")


def shards_with(storage: Storage, clip_ids: Collection[str]) -> dict[str, list[str]]:
    """Shards that hold, or should hold, some of these clips, and the clips of each that it does hold."""
    found = {}
    for name, record in read_records(storage).items():
        held = [key for key in record.index[KEY].to_pylist() if key in clip_ids]
        if held or any(one.clip_id in clip_ids for one in record.left_out):
            found[name] = held
    return found


def take_out(
    storage: Storage, shards: Sequence[str], gone: Collection[str], amended: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    """Rewrite ``shards``, of a folder that was whole, without the samples whose keys are ``gone``, and publish anew.

    Where another sample's ``key.json`` names what is ``gone`` (ids of clips and videos) it says null there. A shard
    that would be empty is deleted. ``amended``: what the manifest is to say of how the shards were made, from what it
    says now. May be called again after it was interrupted.
    """
    with only_packer(storage):
        if shards:
            unpublish(storage)
        manifest = json.loads(storage.read_bytes(MANIFEST if storage.exists(MANIFEST) else join(PREVIOUS, MANIFEST)))
        told = amended({name: value for name, value in manifest.items() if name not in _COUNTED})
        left_out = [LeftOut(**one) for one in manifest["left_out"] if one["clip_id"] not in gone]
        records = read_records(storage)
        for name in shards:
            records.pop(name, None)
            record = _rewrite(storage, name, gone)
            if record is not None:
                records[name] = record
        kept = [records[shard["name"]] for shard in manifest["shards"] if shard["name"] in records]
        manifest = manifest_of(told, [record.shard for record in kept], left_out)
        if not is_published(storage, manifest):
            publish(storage, manifest, [record.index for record in kept])
        storage.delete_tree(PACKING)


def take_out_unfinished(storage: Storage, gone: Collection[str]) -> None:
    """Of a pack that was interrupted: delete shards that hold what is ``gone``, or of which nothing is known; the pack
    writes them again. May be called again after it was interrupted."""
    with only_packer(storage):
        forget_energon(storage)
        records = read_records(storage)
        there = shards_in(storage)
        storage.delete([record_name(name) for name in records if name not in there])
        for name in there:
            record = records.get(name)
            named = set() if record is None else {*record.index[KEY].to_pylist(), *(o.clip_id for o in record.left_out)}
            if record is None or not named.isdisjoint(gone):
                storage.delete([name, record_name(name)])
            else:
                storage.write_bytes(record_name(name), record.to_bytes())
        storage.delete_tree(PREVIOUS)


def _rewrite(storage: Storage, name: str, gone: Collection[str]) -> ShardRecord | None:
    """The new record of a shard; None where nothing is left of it."""
    if not storage.exists(name):
        return None
    storage.write_bytes(record_name(name), b"")
    rows: dict[str, dict[str, Any]] = {}
    seconds, without_caption = 0.0, 0
    with _local_copy(storage, name) as path, storage.writing(name) as stream, TarWriter(stream) as tar:
        for member, raw, content in _members(path):
            key, _, extension = member.name.partition(".")
            if key in gone:
                continue
            row = rows.setdefault(key, {KEY: key, SHARD: name})
            amended = content
            if extension == ANNOTATIONS:
                values = json.loads(content)
                seconds += values["duration_s"]
                row.update({**numbers_of(values), **row})
                scrubbed = scrub(values, gone)
                if scrubbed != values:
                    amended = to_json(scrubbed)
            if amended is content:
                row[f"{extension}_offset"] = tar.copy(raw)
            else:
                row[f"{extension}_offset"] = tar.add(member.name, amended)
            row[f"{extension}_size"] = len(amended)
            without_caption += extension == CAPTION and not content
    if not rows:
        storage.delete([name, record_name(name)])
        return None
    shard = Shard(name, len(rows), tar.num_bytes, tar.sha256, round(seconds, 3), without_caption, fingerprint="")
    record = ShardRecord(shard, [], pa.Table.from_pylist(list(rows.values())))
    storage.write_bytes(record_name(name), record.to_bytes())
    return record


def _members(path: Path) -> Iterator[tuple[tarfile.TarInfo, bytes, bytes]]:
    """Each member with its bytes in the file (header, content, padding), and its content."""
    with tarfile.open(path, "r:") as tar, path.open("rb") as file:
        for member in tar:
            file.seek(member.offset)
            raw = file.read(tarfile.BLOCKSIZE + member.size + -member.size % tarfile.BLOCKSIZE)
            yield member, raw, raw[tarfile.BLOCKSIZE : tarfile.BLOCKSIZE + member.size]


@contextmanager
def _local_copy(storage: Storage, name: str) -> Iterator[Path]:
    if storage.is_local:
        yield Path(storage.path(name))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shard.tar"
        with scratch_space():
            storage.fs.get_file(storage.path(name), str(path))
        yield path
