"""Taking sources out of a dataset: what goes is written down first, so that an interruption is finished later."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

import curation
from curation.dataset.dataset import Dataset
from curation.dataset.duck import connect, quoted, scan
from curation.dataset.fingerprint import dataset_fingerprint
from curation.dataset.journal import ANNOTATIONS, CLIPS, VIDEOS, table_of
from curation.dataset.lock import REMOVAL
from curation.dataset.storage import Storage, join
from curation.errors import UserError
from curation.provenance.find import FoundVideo
from curation.provenance.removed import REMOVED, name_hash, now
from curation.shards.folder import MANIFEST
from curation.shards.known import known_shards
from curation.shards.take_out import shards_with
from curation.sources.location import shown

_VIDEO_ID = re.compile(r"[0-9a-f]+")


@dataclass(frozen=True)
class FromShards:
    """What goes from a shards folder. ``shards``: to be rewritten; ``samples``: how many go; ``whole``: the pack was
    finished; else its shards with such samples are deleted, and packed again when it goes on."""

    location: str
    whole: bool
    shards: Sequence[str]
    samples: int


@dataclass(frozen=True)
class Removal:
    """All that goes. ``unsettled``: by stage, other clips whose values name a clip that goes (its duplicates): these
    values go as well. ``fingerprint``: of the dataset before; ``unreached``: shards that cannot be
    looked at, and why."""

    videos: Sequence[FoundVideo]
    clip_ids: Sequence[str]
    num_bytes: int
    unsettled: dict[str, list[str]]
    shards: Sequence[FromShards]
    fingerprint: str
    reason: str = ""
    unreached: Mapping[str, str] = field(default_factory=dict)
    time: str = field(default_factory=now)
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def video_ids(self) -> list[str]:
        return [video.video_id for video in self.videos]

    @property
    def gone(self) -> frozenset[str]:
        """Ids of the clips and of the videos."""
        return frozenset([*self.clip_ids, *self.video_ids])

    @property
    def sources(self) -> list[str]:
        """All names of the sources."""
        return [source for video in self.videos for source in video.sources]

    @property
    def named(self) -> frozenset[str]:
        """Ids of the clips whose samples hold something that goes."""
        return frozenset([*self.clip_ids, *(clip_id for clips in self.unsettled.values() for clip_id in clips)])

    @property
    def names(self) -> frozenset[str]:
        """``gone`` and ``sources``."""
        return self.gone.union(self.sources)

    def entries(self) -> list[dict[str, Any]]:
        """What the record says: nothing that the sources could be had from."""
        return [
            {
                "event": REMOVED,
                "time": self.time,
                "video_id": video.video_id,
                "sources_sha256": [name_hash(source) for source in video.sources],
                "reason": self.reason,
                "removal": {
                    "id": self.id,
                    "videos": len(self.videos),
                    "clips": len(self.clip_ids),
                    "bytes": self.num_bytes,
                    "samples": {folder.location: folder.samples for folder in self.shards},
                    "not_reached": sorted(self.unreached),
                },
                "code_version": curation.__version__,
            }
            for video in self.videos
        ]


def plan_removal(
    storage: Storage, videos: Sequence[FoundVideo], reason: str = "", more_shards: Sequence[Storage] = ()
) -> Removal:
    """What goes with these videos. ``more_shards``: shards folders that the dataset does not know of.

    Raises:
        UserError: a video's id, by which folders are deleted, is none.
    """
    video_ids = [video.video_id for video in videos]
    for video_id in video_ids:
        if not _VIDEO_ID.fullmatch(video_id):
            raise UserError(f"{storage.url}/{VIDEOS}: {shown(video_id)} is no video_id; nothing was removed")
    rows = table_of(storage, CLIPS).read(["clip_id", "video_id", "bytes"])
    if rows is not None:
        rows = rows.filter(pc.is_in(rows["video_id"], value_set=pa.array(video_ids, pa.string())))
    clip_ids = rows["clip_id"].to_pylist() if rows is not None else []
    known = known_shards(storage)
    folders = {folder.location: folder for folder in (*known.folders, *more_shards)}
    removal = Removal(
        videos,
        sorted(clip_ids),
        sum(rows["bytes"].to_pylist()) if rows is not None else 0,
        {},
        [],
        dataset_fingerprint(storage),
        reason,
        known.unreached,
    )
    removal = replace(removal, unsettled=_unsettled(storage, removal.gone))
    shards = [_from_shards(folder, set(clip_ids), removal.named) for folder in folders.values()]
    return replace(removal, shards=shards)


def read_pending(storage: Storage) -> Removal | None:
    """The removal that was begun and not finished."""
    if not storage.exists(REMOVAL):
        return None
    told = json.loads(storage.read_bytes(REMOVAL))
    videos = [FoundVideo(**video) for video in told.pop("videos")]
    return Removal(videos=videos, shards=[FromShards(**one) for one in told.pop("shards")], **told)


def write_pending(storage: Storage, removal: Removal) -> None:
    """Write down what is about to go."""
    storage.write_bytes(REMOVAL, json.dumps(asdict(removal)).encode())


def _from_shards(folder: Storage, clip_ids: Collection[str], named: Collection[str]) -> FromShards:
    touched = shards_with(folder, named)
    samples = sum(key in clip_ids for held in touched.values() for key in held)
    return FromShards(folder.location, folder.exists(MANIFEST), sorted(touched), samples)


def _unsettled(storage: Storage, gone: frozenset[str]) -> dict[str, list[str]]:
    """Clips that stay with a text in some column, by stage, that is the id of a clip or a video that goes."""
    connection = connect(storage)
    connection.register("gone", pa.table({"id": pa.array(sorted(gone), pa.string())}))
    found: dict[str, list[str]] = {}
    for stage in Dataset(storage.url).annotated_stages():
        table = table_of(storage, join(ANNOTATIONS, stage))
        texts = [quoted(one.name) for one in table.schema() if pa.types.is_string(one.type) and one.name != "clip_id"]
        if texts:
            named = " OR ".join(f"{text} IN (SELECT id FROM gone)" for text in texts)
            rows = connection.sql(f"SELECT clip_id FROM {scan(storage, table.parts())} WHERE {named}")
            clips = set(rows.to_arrow_table()["clip_id"].to_pylist()) - gone
            if clips:
                found[stage] = sorted(clips)
    return found
