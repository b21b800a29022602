"""What a person sees while a job runs, and the JSON log."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from curation.counted import counted
from curation.engine.ledger import Event, Progress
from curation.engine.remaining import Remaining
from curation.engine.resources import Pool
from curation.engine.watcher import Watcher
from curation.sources.location import shown

LINE_EVERY_S = 30.0


class Screen(Watcher):
    """Live bars on a terminal; a line every half minute elsewhere; nothing when ``quiet``. Errors of items are shown
    as they happen."""

    def __init__(self, *, quiet: bool, log: TextIO | None, stages: Sequence[str]) -> None:
        self.console = Console(stderr=True, quiet=quiet)
        self.log = log
        self.stages = stages
        self.live = self.console.is_terminal and not quiet
        self.bars = Bars(
            TextColumn("{task.description:<16}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self.console,
        )
        self.tasks: dict[str, TaskID] = {}
        self.missing: Mapping[str, int] = {}
        self.began = self.last_line = time.monotonic()
        self.total_videos = 0

    def __enter__(self) -> Screen:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()

    def working(self, what: str) -> None:
        self.console.print(f"[dim]{what} …[/dim]")
        self.write({"event": "working", "what": what})

    def started(self, work: Remaining, pools: Sequence[Pool]) -> None:
        self.began = self.last_line = time.monotonic()
        self.total_videos = len(work.videos)
        lines = [f"{counted(len(work.videos), 'video')} to split"] if work.videos else []
        if work.stale:
            lines.append(f"{work.stale} of them were split before with other parameters: their clips are made anew")
        lines += [f"{counted(count, 'clip')} to annotate: {stage}" for stage, count in work.missing.items() if count]
        for line in lines:
            self.console.print(line)
        shares = ", ".join(f"{pool.name} {pool.actors} × {pool.num_cpus:g} CPU" + _gpus(pool) for pool in pools)
        self.console.print(f"[dim]workers: {shares or 'none, all in this process'}[/dim]")
        self.missing = work.missing
        self.write({"event": "started", "videos": len(work.videos), "clips": len(work.clips), "missing": work.missing})
        if self.live:
            if work.videos:
                self.tasks["videos"] = self.bars.add_task("videos", total=len(work.videos), note="")
            for stage in self.stages:
                self.tasks[stage] = self.bars.add_task(stage, total=work.missing.get(stage) or None, note="")
            self.bars.start()

    def progressed(self, progress: Progress, events: Sequence[Event]) -> None:
        for event in events:
            self.write(event)
            if event["event"] == "video" and event["status"] == "failed":
                name = shown(event["source"])
                self.console.print(f"failed: {name}: {event['error_stage']}: {event['error']}", markup=False)
        if self.live:
            self._move_bars(progress)
        elif time.monotonic() - self.last_line > LINE_EVERY_S:
            self.last_line = time.monotonic()
            self.console.print(self._line(progress))

    def warned(self, message: str) -> None:
        self.console.print(f"warning: {message}", markup=False)
        self.write({"event": "warning", "message": message})

    def write(self, event: Mapping[str, Any]) -> None:
        """One line of the JSON log."""
        if self.log is not None:
            self.log.write(json.dumps({"time": round(time.time(), 3), **event}, default=str) + "\n")
            self.log.flush()

    def _move_bars(self, progress: Progress) -> None:
        if "videos" in self.tasks:
            self.bars.update(self.tasks["videos"], completed=progress.videos_done, note=self._note(progress))
        split = self.total_videos == progress.videos_done
        for stage in self.stages:
            total = self.missing.get(stage, 0) + progress.clips
            failed = progress.annotations_failed[stage]
            self.bars.update(
                self.tasks[stage],
                completed=progress.annotated[stage],
                total=total if split or total else None,
                note=f"{failed} failed" if failed else "",
            )

    def _note(self, progress: Progress) -> str:
        hours = progress.seconds_in / 3600
        rate = progress.seconds_in / max(time.monotonic() - self.began, 1e-3)
        failed = f", {progress.videos_failed} failed" if progress.videos_failed else ""
        return f"{progress.clips} clips{failed}, {hours:.2f} h of video, {rate:.1f}× real time"

    def _line(self, progress: Progress) -> str:
        wanted = [stage for stage in self.stages if self.missing.get(stage) or self.total_videos]
        stages = ", ".join(
            f"{stage} {progress.annotated[stage]}/{self.missing.get(stage, 0) + progress.clips}" for stage in wanted
        )
        if not self.total_videos:
            return stages
        elapsed = time.monotonic() - self.began
        left = ""
        if 0 < progress.videos_done < self.total_videos:
            seconds = elapsed * (self.total_videos - progress.videos_done) / progress.videos_done
            left = f", about {seconds / 60:.0f} min left"
        return f"{progress.videos_done}/{self.total_videos} videos, {self._note(progress)}; {stages}{left}"


def _gpus(pool: Pool) -> str:
    return f" + {pool.num_gpus:g} GPU" if pool.num_gpus else ""
