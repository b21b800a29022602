"""Writing one shard: a unit of work that any process of a cluster can do."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from curation.dataset.identity import clip_id_of
from curation.dataset.storage import Storage
from curation.errors import ItemError
from curation.scratch import scratch_space
from curation.shards.folder import record_name
from curation.shards.record import KEY, SHARD, LeftOut, Shard, ShardRecord
from curation.shards.sample import ANNOTATIONS, CAPTION, MEDIA, PROVENANCE, VECTOR, Sample, numbers_of, to_json
from curation.shards.tar import TarWriter
from curation.shards.transcode import PackedMedia, Transcode, transcode

FORMAT = 1
# Threads that read and verify clips ahead of the one that writes. More than one on local disk only get in its way.
READERS_LOCAL, READERS_REMOTE = 1, 16
READ_AHEAD = 3  # clips that wait to be written besides

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class ShardJob:
    """A shard to be written. ``dataset``, ``output``: where clips are read and the shard is published."""

    dataset: Storage
    output: Storage
    name: str
    samples: Sequence[Sample]
    transcode: Transcode | None

    def fingerprint(self) -> str:
        """32 hex digits over all that the shard's bytes follow from; a clip's id stands for its bytes."""
        digest = hashlib.sha256(f"{FORMAT}\n{json.dumps(self.transcode and self.transcode.to_dict())}\n".encode())
        for sample in self.samples:
            digest.update(to_json(sample.annotations))
            digest.update(to_json({CAPTION: sample.caption, VECTOR: sample.vectors}))
        return digest.hexdigest()[:32]

    @property
    def num_bytes(self) -> int:
        """Of the clips to be read."""
        return sum(sample.num_bytes for sample in self.samples)


def write_shard(job: ShardJob, fingerprint: str) -> ShardRecord:
    """Write a shard and then its record; clips that cannot be packed are left out, with the reason.

    The record is emptied first: where the two do not belong together, there is none. A shard without samples is not
    kept: readers refuse such.

    Raises:
        DiskFullError: no space is left.
    """
    record_file = record_name(job.name)
    job.output.write_bytes(record_file, b"")
    rows: list[dict[str, Any]] = []
    left_out: list[LeftOut] = []
    packed: list[Sample] = []
    with job.output.writing(job.name) as stream, TarWriter(stream) as tar:
        for sample, content in _read_ahead(job):
            try:
                data, annotations = _media(sample, content, job)
            except ItemError as error:
                left_out.append(LeftOut(sample.key, job.name, str(error)))
                continue
            rows.append({**_add(tar, sample, data, annotations), KEY: sample.key, SHARD: job.name})
            packed.append(sample)
    shard = Shard(
        name=job.name,
        samples=len(packed),
        bytes=tar.num_bytes,
        sha256=tar.sha256,
        seconds=round(sum(sample.seconds for sample in packed), 3),
        without_caption=sum(not sample.caption for sample in packed),
        fingerprint=fingerprint,
    )
    if not packed:
        job.output.delete([job.name])
    record = ShardRecord(shard, left_out, pa.Table.from_pylist(rows))
    job.output.write_bytes(record_file, record.to_bytes())
    return record


def _read_ahead(job: ShardJob) -> Iterator[tuple[Sample, bytes | ItemError]]:
    readers = READERS_LOCAL if job.dataset.is_local else READERS_REMOTE
    return _ahead(lambda sample: (sample, _read(sample, job.dataset)), job.samples, readers)


def _read(sample: Sample, dataset: Storage) -> bytes | ItemError:
    """The clip's file, if it is the one that was written: a clip's id follows from its bytes."""
    try:
        data = dataset.read_bytes(sample.media)
    except FileNotFoundError:
        return ItemError(f"{sample.media} is missing")
    except OSError as error:
        return ItemError(f"{sample.media} cannot be read: {error.strerror or error}")
    if len(data) != sample.num_bytes:
        return ItemError(f"{sample.media} is damaged: {len(data):,} bytes instead of {sample.num_bytes:,}")
    origin = sample.annotations[PROVENANCE]
    sha256 = hashlib.sha256(data).hexdigest()
    if clip_id_of(origin["video_id"], origin["start_pts"], origin["end_pts"], sha256) != sample.key:
        return ItemError(f"{sample.media} is damaged: it holds other bytes than were written")
    return data


def _media(sample: Sample, content: bytes | ItemError, job: ShardJob) -> tuple[bytes, Mapping[str, Any]]:
    """The media to pack and the content of ``key.json``. Raises ItemError."""
    if isinstance(content, ItemError):
        raise content
    if job.transcode is None:
        return content, sample.annotations
    data, packed = _transcoded(sample, content, job.dataset, job.transcode)
    return data, sample.described_as(packed)


def _transcoded(sample: Sample, content: bytes, dataset: Storage, wanted: Transcode) -> tuple[bytes, PackedMedia]:
    if dataset.is_local:
        return transcode(Path(dataset.path(sample.media)), wanted)
    with tempfile.NamedTemporaryFile(suffix=".mp4") as scratch:
        with scratch_space():
            scratch.write(content)
            scratch.flush()
        return transcode(Path(scratch.name), wanted)


def _add(tar: TarWriter, sample: Sample, data: bytes, annotations: Mapping[str, Any]) -> dict[str, Any]:
    """Write the members of a sample; returns its columns of the index."""
    members = {MEDIA: data, ANNOTATIONS: to_json(annotations), CAPTION: sample.caption.encode()}
    for name, values in sample.vectors.items():
        members[f"{name}.{VECTOR}"] = _npy(values)
    found = numbers_of(annotations)
    for extension, content in members.items():
        found[f"{extension}_offset"] = tar.add(f"{sample.key}.{extension}", content)
        found[f"{extension}_size"] = len(content)
    return found


def _npy(values: Sequence[float]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(values, np.float32))
    return buffer.getvalue()


def _ahead(function: Callable[[Item], Result], items: Iterable[Item], threads: int) -> Iterator[Result]:
    """``map`` in order, by so many threads, which are up to one item each and `READ_AHEAD` ahead of the consumer."""
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= threads + READ_AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
