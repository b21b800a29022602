"""A job from start to end: find what is left, run it, fold the results into the tables, say what became of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from curation.config.fingerprint import parameters_by_fingerprint
from curation.config.pipeline import ResolvedPipeline
from curation.dataset import journal
from curation.dataset.dataset import Dataset
from curation.dataset.description import describe
from curation.dataset.lock import only_writer
from curation.dataset.storage import Storage
from curation.dataset.sweep import sweep
from curation.engine.carried import bring_up_to_date, settled, with_carried
from curation.engine.dataset_stages import annotate_datasets
from curation.engine.executor import Capacity, Executor
from curation.engine.identify import IdentifiedSource, SourceIdentities, unreadable_id
from curation.engine.idle_gpus import idle_gpus
from curation.engine.ledger import Progress
from curation.engine.missing_media import MissingClip, missing_clips
from curation.engine.on_ray import OnRay
from curation.engine.pipeline import Stages, stages_of
from curation.engine.remaining import Remaining, clips_of, failures, lacking, ok_videos, remaining, video_items
from curation.engine.removed_sources import RemovedSources
from curation.engine.resources import Pool
from curation.engine.rows import clip_table, video_row, video_table
from curation.engine.watcher import Watcher
from curation.engine.whole_dataset import tables_left_behind
from curation.engine.work import VideoItem
from curation.sources.discover import SourceRef

RUNNING = "_state/running"


@dataclass
class Outcome:
    """What a job did. ``video_ids``: the videos that it was about; ``work``: empty where nothing was left to do;
    ``updated``: videos whose row got other manifest columns, while their clips stayed; ``missing``: clips that the job
    was about and that have no file, nor a source to write it again from."""

    storage: Storage
    video_ids: set[str]
    work: Remaining
    progress: Progress = field(default_factory=Progress)
    wall_s: float = 0.0
    updated: int = 0
    missing: list[MissingClip] = field(default_factory=list)


@dataclass
class Job:
    """A pipeline on a dataset. Every method may raise `UserError`: the dataset cannot be written, no space is left,
    the cluster cannot be joined or lacks what the stages ask for."""

    pipeline: ResolvedPipeline
    dataset_url: str
    executor: Executor = field(default_factory=OnRay)
    watcher: Watcher = field(default_factory=Watcher)

    def __post_init__(self) -> None:
        self.storage = Storage(self.dataset_url)
        self.stages: Stages = stages_of(self.pipeline)

    def run(self, sources: Sequence[SourceRef], *, readmit: bool = False) -> Outcome:
        """Bring the dataset up to date with these sources; ``readmit``: also with those that were removed from it."""
        began = time.monotonic()
        with only_writer(self.storage):
            interrupted = self._recover()
            self.watcher.working(f"looking at {len(sources)} source{'s' * (len(sources) != 1)}")
            removed = RemovedSources(self.storage, self.watcher, readmit=readmit)
            refs = settled(self.storage, removed.admitted(sources))
            identities = SourceIdentities(self.storage, refs, removed.video_ids)
            updated = 0
            incomplete = {clip.video_id for clip in missing_clips(self.storage)}
            if not identities.unknown and not interrupted:
                items = video_items(with_carried(self.storage, identities.all()))
                updated = self._bring_up_to_date(items)
                work = remaining(self.storage, self.stages, items, incomplete)
                if not work:
                    return Outcome(self.storage, {item.video_id for item in items}, work, updated=updated)
            if self.executor.starting:
                self.watcher.working(self.executor.starting)
            with self.executor.session() as capacity:
                found = with_carried(self.storage, identities.read_unknown(self.executor.identify))
                removed.identified(identities, found)
                items = video_items(source for source in found if source.error is None)
                updated += self._bring_up_to_date(items)
                work = remaining(self.storage, self.stages, items, incomplete)
                restored = sum(item.video_id in incomplete for item in work.videos)
                if restored:
                    self.watcher.warned(
                        f"clip files of {restored} video{'s' * (restored != 1)} are missing: split again"
                    )
                progress = self._do(work, capacity)
                unreadable = [source for source in found if source.error is not None]
                self._record_unreadable(unreadable)
                forgotten = {unreadable_id(source.source) for source in found if source.error is None}
                orphans = interrupted or restored > 0 or work.stale > 0 or progress.videos_failed > 0
                self._fold(forgotten, orphans=orphans)
                progress = self._do_whole(work, capacity, progress)
            self._close()
        progress.videos_done += len(unreadable)
        progress.videos_failed += len(unreadable)
        return self._outcome({source.video_id for source in found}, work, progress, began, updated)

    def retry(self) -> Outcome:
        """Do again what failed, and write clip files that are missing; only that."""
        began = time.monotonic()
        with only_writer(self.storage):
            self._recover()
            missing = missing_clips(self.storage)
            incomplete = {clip.video_id for clip in missing}
            work = failures(self.storage, self.stages, incomplete)
            redone: set[str] = set()
            progress = Progress()
            forgotten: set[str] = set()
            if work:
                refs = [SourceRef(item.source, dict(item.columns)) for item in work.videos]
                with self.executor.session() as capacity:
                    found = SourceIdentities(self.storage, refs).read_unknown(self.executor.identify)
                    done = ok_videos(self.storage)
                    kept = {item.source: item.video_id for item in work.videos if item.video_id in done}
                    readable = [
                        source
                        for source in found
                        if source.error is None and source.video_id == kept.get(source.source, source.video_id)
                    ]
                    now = {source.source: source.video_id for source in readable}
                    forgotten = {
                        item.video_id for item in work.videos if now.get(item.source) not in (None, item.video_id)
                    }
                    videos = [item for item in video_items(readable) if item.video_id not in done - incomplete]
                    redone = {item.video_id for item in videos}
                    left = work.with_videos(videos).readable(self.stages, {clip.clip_id for clip in missing})
                    progress = self._do(left, capacity)
                    self._fold(forgotten, orphans=True)
                    progress = self._do_whole(left, capacity, progress)
                self._close()
        scope = {item.video_id for item in work.videos} | self._videos_of(work)
        gone = [clip for clip in missing if clip.video_id not in redone]
        return replace(self._outcome(scope, work, progress, began), missing=gone)

    def annotate(self, stage: str, *, again: bool = False) -> Outcome:
        """Bring one stage's annotations of all clips up to date; ``again``: do even those that are."""
        began = time.monotonic()
        with only_writer(self.storage):
            interrupted = self._recover()
            wanted = lacking(self.storage, self.stages, stage, again=again)
            missing = {clip.clip_id: clip for clip in missing_clips(self.storage)} if wanted else {}
            work = wanted.readable(self.stages, missing)
            progress = Progress()
            if work:
                with self.executor.session() as capacity:
                    progress = self._do(work, capacity)
                    self._fold(set(), orphans=interrupted)
                    progress = self._do_whole(work, capacity, progress)
            elif interrupted:
                self._fold(set(), orphans=True)
            if work or interrupted:
                self._close()
        done = {item.clip_id for item in work.clips}
        gone = [missing[item.clip_id] for item in wanted.clips if item.clip_id not in done]
        scope = self._videos_of(wanted)
        return replace(self._outcome(scope, work, progress, began), missing=gone)

    def _recover(self) -> bool:
        """Fold what an interrupted run left; tells whether there was one."""
        interrupted = self.storage.exists(RUNNING)
        if interrupted:
            self.watcher.working("an earlier run was interrupted; taking over what it had finished")
            self.storage.remove_leftovers()
        journal.fold(self.storage, workers_gone=True)
        return interrupted

    def _bring_up_to_date(self, items: Sequence[VideoItem]) -> int:
        updated = bring_up_to_date(self.storage, self.stages, items)
        if not updated:
            return 0
        self.watcher.working(f"updated what the manifest says of {updated} video{'s' * (updated != 1)}")
        names = {spec.name for spec in (*self.stages.annotators, *self.stages.dataset_annotators)}
        others = [stage for stage in Dataset(self.storage.url).annotated_stages() if stage not in names]
        if others:
            self.watcher.warned(
                f"{', '.join(others)}: not in this pipeline and left as they are; those that read the manifest are "
                f"computed again with: curation annotate {self.dataset_url} --stage NAME --again"
            )
        return updated

    def _do(self, work: Remaining, capacity: Capacity) -> Progress:
        self.storage.write_bytes(RUNNING, b"")
        describe(self.storage, self.pipeline.to_dict(), parameters_by_fingerprint(self.pipeline))
        if not work:
            return Progress()
        whole = self._dataset_pools(work, capacity)
        if not work.videos and not work.clips:
            self.watcher.started(work, whole)
            return Progress()
        stages = (
            self.stages if work.videos else self.stages.only({name for name, count in work.missing.items() if count})
        )
        idle = idle_gpus([*(stages.splitters if work.videos else ()), *stages.annotators], capacity.gpus)
        if idle:
            self.watcher.warned(idle)
        pools = self.executor.pools(stages, capacity)
        self.watcher.started(work, [*pools, *whole])
        return self.executor.execute(self.storage, stages, pools, work, self.watcher)

    def _dataset_pools(self, work: Remaining, capacity: Capacity) -> list[Pool]:
        """Those of the stages over the whole dataset that the work names."""
        specs = [spec for spec in self.stages.dataset_annotators if spec.name in work.whole]
        return [self.executor.dataset_pool(spec, capacity) for spec in specs]

    def _do_whole(self, work: Remaining, capacity: Capacity, progress: Progress) -> Progress:
        """The stages over the whole dataset, when the tables that they read are folded."""
        pools = self._dataset_pools(work, capacity)
        return annotate_datasets(self.storage, self.stages, pools, self.executor, self.watcher, progress, work.forced)

    def _record_unreadable(self, sources: Sequence[IdentifiedSource]) -> None:
        for source in sources:
            item = VideoItem(source.video_id, source.source, source.columns, None, [])
            row = video_row(item, error_stage="source", error=source.error)
            journal.record_video(self.storage, video_table(row), clip_table([]), self.stages.fingerprint)

    def _fold(self, forgotten: set[str], *, orphans: bool) -> None:
        self.watcher.working("writing the tables")
        journal.fold(self.storage, workers_gone=True)
        sweep(self.storage, forgotten, orphans)

    def _close(self) -> None:
        names = tables_left_behind(self.storage, self.stages)
        if names:
            self.watcher.warned(
                f"{', '.join(names)}: not in this pipeline, and made before clips changed; brought up to date with: "
                f"curation annotate {self.dataset_url} --stage NAME"
            )
        describe(self.storage, self.pipeline.to_dict(), parameters_by_fingerprint(self.pipeline))
        self.storage.delete([RUNNING])

    def _videos_of(self, work: Remaining) -> set[str]:
        """Ids of the videos of the clips that the work is about."""
        if work.whole:
            return set(clips_of(self.storage, None)["video_id"].to_pylist())
        return {item.row["video_id"] for item in work.clips}

    def _outcome(
        self, video_ids: set[str], work: Remaining, progress: Progress, began: float, updated: int = 0
    ) -> Outcome:
        return Outcome(self.storage, video_ids, work, progress, time.monotonic() - began, updated)
