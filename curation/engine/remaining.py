"""What is left to do: videos without a row made with these splitters, clips without a row of an annotator."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curation.dataset.dataset import Dataset
from curation.dataset.journal import ANNOTATIONS, CLIPS, VIDEOS, table_of
from curation.dataset.storage import Storage, join
from curation.engine.carried import carried, carried_columns, to_split_again
from curation.engine.identify import IdentifiedSource
from curation.engine.pipeline import Stages
from curation.engine.whole_dataset import affected, out_of_date
from curation.engine.work import ClipItem, VideoItem
from curation.stage import MANIFEST


@dataclass(frozen=True)
class Remaining:
    """Work that is left. ``stale``: videos among ``videos`` that were split before with other parameters or labels;
    ``missing``: clips that lack each stage; ``whole``: stages over the whole dataset to do when that is done, if they
    are out of date then; ``forced``: those of them to do even if not."""

    videos: list[VideoItem]
    clips: list[ClipItem]
    stale: int
    missing: dict[str, int]
    whole: tuple[str, ...] = ()
    forced: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.videos or self.clips or self.whole)

    def with_videos(self, videos: list[VideoItem]) -> Remaining:
        """Other videos, and the same clips but for those of these videos: they are made anew."""
        ids = {item.video_id for item in videos}
        return replace(self, videos=videos)._with_clips([c for c in self.clips if c.row["video_id"] not in ids])

    def readable(self, stages: Stages, without_media: Collection[str]) -> Remaining:
        """Less what needs the frames of these clips."""
        framed = stages.requests().keys()
        clips = [
            replace(item, todo=[stage for stage in item.todo if stage not in framed])
            if item.clip_id in without_media
            else item
            for item in self.clips
        ]
        return self._with_clips([item for item in clips if item.todo])

    def _with_clips(self, clips: list[ClipItem]) -> Remaining:
        left = Counter(stage for item in clips for stage in item.todo)
        kept = {stage: self.missing[stage] for stage in self.whole}
        return replace(self, clips=clips, missing={**{stage: left[stage] for stage in self.missing}, **kept})


def video_items(sources: Iterable[IdentifiedSource]) -> list[VideoItem]:
    """One item per content; the first source that holds it gives name and columns."""
    by_content: dict[str, list[IdentifiedSource]] = defaultdict(list)
    for source in sources:
        by_content[source.video_id].append(source)
    return [
        VideoItem(video_id, same[0].source, same[0].columns, same[0].num_bytes, [other.source for other in same[1:]])
        for video_id, same in by_content.items()
    ]


def remaining(
    storage: Storage, stages: Stages, items: Sequence[VideoItem], incomplete: Collection[str] = ()
) -> Remaining:
    """What a run over these videos has to do. ``incomplete``: ids of videos to split again whatever their rows say."""
    table = table_of(storage, VIDEOS)
    done = table.keys(stages.fingerprint).difference(incomplete, to_split_again(storage, stages, items))
    split_before = table.keys().difference(incomplete)
    videos = [item for item in items if item.video_id not in done]
    stale = sum(item.video_id in split_before for item in videos)
    clips = clips_of(storage, {item.video_id for item in items} & done)
    missing = missing_annotations(storage, stages, clips)
    changing = {name for name, lacking in missing.items() if lacking}.union(out_of_date(storage, stages))
    whole = affected(stages, changing, clips_change=bool(videos))
    counts = {name: len(lacking) for name, lacking in missing.items()} | _all_clips(storage, whole)
    return Remaining(videos, clip_items(storage, stages, clips, missing), stale, counts, whole)


def failures(storage: Storage, stages: Stages, incomplete: Collection[str] = ()) -> Remaining:
    """What `retry` has to do: failed and ``incomplete`` videos, and clips with an error of a stage."""
    rows = table_of(storage, VIDEOS).read()
    videos = []
    for row in rows.to_pylist() if rows is not None else []:
        if row["status"] != "failed" and row["video_id"] not in incomplete:
            continue
        videos.append(VideoItem(row["video_id"], row["source"], carried(row), row["bytes"], row["duplicates"] or []))
    clips = clips_of(storage, None)
    here = set(clips["clip_id"].to_pylist())
    failed = {
        spec.name: here & table_of(storage, join(ANNOTATIONS, spec.name)).failed(f"{spec.name}_error")
        for spec in (*stages.annotators, *stages.dataset_annotators)
    }
    forced = frozenset(spec.name for spec in stages.dataset_annotators if failed.pop(spec.name))
    whole = affected(stages, forced.union(name for name in failed if failed[name]), clips_change=bool(videos))
    counts = {name: len(clip_ids) for name, clip_ids in failed.items()} | _all_clips(storage, whole)
    return Remaining(videos, clip_items(storage, stages, clips, failed), 0, counts, whole, forced)


def ok_videos(storage: Storage) -> set[str]:
    """Ids of the videos that were split without failure."""
    table = table_of(storage, VIDEOS)
    return table.keys() - table.failed("error")


def lacking(storage: Storage, stages: Stages, stage: str, *, again: bool) -> Remaining:
    """All clips of the dataset that lack one stage's annotation; with ``again`` all clips. A stage over the whole
    dataset itself where it is out of date, or ``again``."""
    if stage in (spec.name for spec in stages.dataset_annotators):
        whole = (stage,) if again or stage in out_of_date(storage, stages) else ()
        return Remaining([], [], 0, _all_clips(storage, whole), whole, frozenset(whole))
    clips = clips_of(storage, None)
    missing = {
        name: ids if name == stage else set() for name, ids in missing_annotations(storage, stages, clips).items()
    }
    if again:
        missing[stage] = set(clips["clip_id"].to_pylist())
    return Remaining([], clip_items(storage, stages, clips, missing), 0, {stage: len(missing[stage])})


def clips_of(storage: Storage, video_ids: set[str] | None) -> pa.Table:
    """Rows of `clips`, all or those of some videos."""
    clips = table_of(storage, CLIPS).read()
    if clips is None:
        return pa.table({"clip_id": pa.array([], pa.string()), "video_id": pa.array([], pa.string())})
    if video_ids is None:
        return clips
    return clips.filter(pc.is_in(clips["video_id"], value_set=pa.array(sorted(video_ids), pa.string())))


def _all_clips(storage: Storage, whole: Collection[str]) -> dict[str, int]:
    """For each stage over the whole dataset how many clips there are."""
    if not whole:
        return {}
    clips = table_of(storage, CLIPS).read(["clip_id"])
    return dict.fromkeys(whole, clips.num_rows if clips is not None else 0)


def missing_annotations(storage: Storage, stages: Stages, clips: pa.Table) -> dict[str, set[str]]:
    """For each annotator the clips that have no row made with its present parameters."""
    wanted = set(clips["clip_id"].to_pylist())
    return {
        spec.name: wanted - table_of(storage, join(ANNOTATIONS, spec.name)).keys(spec.fingerprint)
        for spec in stages.annotators
    }


def clip_items(storage: Storage, stages: Stages, clips: pa.Table, missing: dict[str, set[str]]) -> list[ClipItem]:
    """One item per clip that lacks something, with the values that its stages will read."""
    todo: dict[str, list[str]] = defaultdict(list)
    for spec in stages.annotators:
        for clip_id in missing[spec.name]:
            todo[clip_id].append(spec.name)
    if not todo:
        return []
    values = _values_read(storage, stages, {name for name, lacking in missing.items() if lacking})
    rows = clips.filter(pc.is_in(clips["clip_id"], value_set=pa.array(sorted(todo), pa.string()))).to_pylist()
    if any(MANIFEST in spec.inputs for spec in stages.annotators if missing[spec.name]):
        said = carried_columns(storage)
        for row in rows:
            values.setdefault(row["clip_id"], {})[MANIFEST] = said.get(row["video_id"], {})
    return [ClipItem(row["clip_id"], row, todo[row["clip_id"]], values.get(row["clip_id"], {})) for row in rows]


def _values_read(storage: Storage, stages: Stages, running: set[str]) -> dict[str, dict[str, Any]]:
    """Columns of annotations that the stages to run read, by clip."""
    wanted = {name for spec in stages.annotators if spec.name in running for name in spec.inputs}
    values: dict[str, dict[str, Any]] = defaultdict(dict)
    dataset = Dataset(storage.url) if wanted - {"frames"} else None
    for stage in dataset.annotated_stages() if dataset else []:
        annotations = dataset.annotations(stage) if dataset else None
        columns = sorted(wanted & set(annotations.column_names)) if annotations is not None else []
        if annotations is not None and columns:
            for row in annotations.select(["clip_id", *columns]).to_pylist():
                values[row["clip_id"]] |= {name: row[name] for name in columns}
    return values
