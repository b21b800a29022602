"""The first worker: source videos become clips, and clips of the dataset are read again, with small frames."""

from __future__ import annotations

import json
import tempfile
import time
import traceback
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from curation.contact_sheet import THUMBNAIL, draw_contact_sheet
from curation.dataset import journal
from curation.dataset.storage import Storage
from curation.engine.ledger import Ledger
from curation.engine.rows import clip_row, clip_table, transition_rows, video_row, video_table
from curation.engine.spec import StageSpec
from curation.engine.work import ClipItem, VideoItem, travelling
from curation.errors import DiskFullError, ItemError
from curation.scratch import raise_if_disk_full, scratch_space
from curation.sources.fetch import fetch
from curation.stage import MANIFEST, Splitter
from curation.video.clip_frames import decode_clip
from curation.video.frame_packing import pack
from curation.video.kind import kind_of
from curation.video.probe import probe
from curation.video.sampling import FrameRequest, Frames
from curation.video.types import Deadline, SourceVideo, WrittenClip

MAX_ATTEMPTS = 2
THUMBNAIL_KEY = "contact_sheet"
STILL_IMAGE = "a still image; the pipeline has no stage that takes images, such as pseudo_video"


class SourceWorker:
    """Splits and reads: rows of `work_row` in, one row of `TRAVELLING` per clip out.

    A video is finished when its row is in the journal; a failure of one video ends in its row, not in an exception.
    A video of which clips had to be left out counts as failed too, but keeps the others.
    """

    def __init__(
        self,
        dataset_url: str,
        ledger: Ledger,
        splitters: list[StageSpec],
        fingerprint: str,
        todo: list[str],
        requests: Mapping[str, FrameRequest],
        with_manifest: bool = False,
    ) -> None:
        self.storage = Storage(dataset_url)
        self.ledger = ledger
        self.fingerprint = fingerprint
        self.todo = todo
        self.requests = dict(requests)
        self.with_manifest = with_manifest
        self.splitters: list[tuple[StageSpec, Splitter]] = []
        for spec in splitters:
            stage = spec.build()
            assert isinstance(stage, Splitter)
            stage.setup()
            self.splitters.append((spec, stage))

    def __call__(self, batch: pa.Table) -> Iterator[pa.Table]:
        for kind, item in zip(batch["kind"].to_pylist(), batch["item"].to_pylist(), strict=True):
            try:
                with scratch_space():
                    if kind == "video":
                        yield from self._split(VideoItem(**json.loads(item)))
                    else:
                        yield self._read_again(ClipItem(**json.loads(item)))
            except DiskFullError as error:
                self.ledger.stop_run(str(error))
                raise

    def _split(self, item: VideoItem) -> Iterator[pa.Table]:
        # Outside of what fails the video: a run that ends takes its ledger away.
        attempt = self.ledger.begin(item.video_id)
        with tempfile.TemporaryDirectory(prefix="curation-") as folder:
            video = SourceVideo(item.video_id, item.source, Path(folder), Path(folder), item.columns)
            video.frame_requests = {**self.requests, THUMBNAIL_KEY: THUMBNAIL}
            self.spent: defaultdict[str, float] = defaultdict(float)
            rows: list[dict[str, Any]] = []
            thumbnails: list[Frames] = []
            values = {MANIFEST: item.columns} if self.with_manifest else {}
            stage, error, leaves_out = "source", None, ""
            try:
                if attempt > MAX_ATTEMPTS:
                    raise ItemError(f"the worker process died {MAX_ATTEMPTS} times on it (crash, or out of memory)")
                video.path = fetch(item.source, Path(folder))
                video.kind = kind_of(video.path, item.source)
                if video.kind == "video":
                    video.info = probe(video.path)
                elif not any(video.kind in splitter.opens for _, splitter in self.splitters):
                    raise ItemError(STILL_IMAGE)
                for spec, splitter in self.splitters:
                    stage = spec.name
                    video.deadline = Deadline(spec.run.timeout_s)
                    for clip in self._timed(spec.name, splitter, video):
                        thumbnails.append(clip.frames.pop(THUMBNAIL_KEY))
                        row = self._publish(video, clip)
                        rows.append(row)
                        yield travelling(row, self.todo, pack(clip.frames), values)
                    if video.left_out:
                        leaves_out = leaves_out or spec.name
                stage = "source"
                self._draw(video, rows, thumbnails)
            except DiskFullError:
                raise
            except ItemError as failure:
                error = str(failure)
            except Exception as failure:
                raise_if_disk_full(failure)
                error = f"{type(failure).__name__}: {failure} ({_place(failure)})"
            if error is not None:
                rows = []
            elif leaves_out:
                stage, error = leaves_out, _left_out(video.left_out, len(rows))
            self._finish(item, video, rows, stage, error)

    def _publish(self, video: SourceVideo, clip: WrittenClip) -> dict[str, Any]:
        row = clip_row(video, clip)
        self.storage.put_file(clip.path, row["media"])
        clip.path.unlink(missing_ok=True)
        return row

    def _draw(self, video: SourceVideo, rows: list[dict[str, Any]], thumbnails: list[Frames]) -> None:
        if video.info is not None:
            picture = draw_contact_sheet(video.source, video.info, transition_rows(video), rows, thumbnails)
            self.storage.write_bytes(f"contact_sheets/{video.video_id}.jpg", picture)

    def _finish(
        self,
        item: VideoItem,
        video: SourceVideo,
        rows: list[dict[str, Any]],
        stage: str,
        error: str | None,
    ) -> None:
        row = video_row(
            item,
            video,
            num_clips=len(rows),
            error_stage=None if error is None else stage,
            error=None if error is None else " ".join(error.split()),
        )
        journal.record_video(self.storage, video_table(row), clip_table(rows), self.fingerprint)
        self.ledger.video_finished(
            {
                "video_id": item.video_id,
                "source": item.source,
                "status": row["status"],
                "clips": len(rows),
                "seconds_in": row.get("duration_s") or 0.0,
                "seconds_out": sum(clip["end_s"] - clip["start_s"] for clip in rows),
                "error_stage": row["error_stage"],
                "error": row["error"],
            },
            dict(self.spent),
        )

    def _timed(self, stage: str, splitter: Splitter, video: SourceVideo) -> Iterator[WrittenClip]:
        """The clips, while the time spent on making them is counted."""
        produced: Iterator[WrittenClip] | None = None
        while True:
            began = time.process_time()
            try:
                produced = iter(splitter.split(video)) if produced is None else produced
                clip = next(produced)
            except StopIteration:
                return
            finally:
                self.spent[stage] += time.process_time() - began
            yield clip

    def _read_again(self, item: ClipItem) -> pa.Table:
        wanted = {name: request for name, request in self.requests.items() if name in item.todo}
        if not wanted:
            return travelling(item.row, item.todo, None, item.values)
        frames, error = None, None
        began = time.process_time()
        try:
            with tempfile.TemporaryDirectory(prefix="curation-") as folder:
                local = fetch(self.storage.url_of(item.row["media"]), Path(folder))
                frames = pack(decode_clip(local, wanted))
        except ItemError as failure:
            error = str(failure)
        self.ledger.time_spent({"read clips": time.process_time() - began})
        return travelling(item.row, item.todo, frames, item.values, error)


def _left_out(reasons: Sequence[str], written: int) -> str:
    told = "; ".join(dict.fromkeys(reasons))
    return f"{len(reasons)} of {len(reasons) + written} clips are left out: {told}"


def _place(error: BaseException) -> str:
    """File and line where an unexpected exception was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown place"
