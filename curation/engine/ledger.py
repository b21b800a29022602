"""What every worker tells what it did: progress, attempts at an item, the reason to stop."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Event = dict[str, Any]
KEPT_EVENTS = 100_000


@dataclass
class Progress:
    """What a run has done so far. Seconds are summed over workers."""

    videos_done: int = 0
    videos_failed: int = 0
    clips: int = 0
    seconds_in: float = 0.0
    seconds_out: float = 0.0
    annotated: Counter[str] = field(default_factory=Counter)
    annotations_failed: Counter[str] = field(default_factory=Counter)
    cpu_s: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    in_flight: int = 0
    fatal: str | None = None


class Ledger:
    """One per run."""

    def __init__(self, progress: Progress | None = None) -> None:
        """``progress``: what this run has done before."""
        self._progress = progress or Progress()
        self._attempts: Counter[str] = Counter()
        self._events: deque[Event] = deque(maxlen=KEPT_EVENTS)
        self._in_flight: set[str] = set()

    def begin(self, video_id: str) -> int:
        """Count an attempt at a source video; returns which attempt this is, from 1."""
        self._in_flight.add(video_id)
        return self.begin_batch(video_id)

    def begin_batch(self, key: str) -> int:
        """Count an attempt at clips of a stage; returns which attempt this is, from 1."""
        self._attempts[key] += 1
        return self._attempts[key]

    def end_batch(self, key: str) -> None:
        """The clips are done: should their worker die on others, these had no part in it."""
        self._attempts.pop(key, None)

    def video_finished(self, event: Event, cpu_s: Mapping[str, float]) -> None:
        """A source video is done: keys video_id, source, status, clips, seconds_in, seconds_out, error_stage, error;
        CPU seconds by stage."""
        self.time_spent(cpu_s)
        self._in_flight.discard(event["video_id"])
        self.end_batch(event["video_id"])
        progress = self._progress
        progress.videos_done += 1
        progress.videos_failed += event["status"] == "failed"
        progress.clips += event["clips"]
        progress.seconds_in += event["seconds_in"]
        progress.seconds_out += event["seconds_out"]
        self._events.append({"event": "video", **event})

    def clips_annotated(self, event: Event, cpu_s: float, key: str) -> None:
        """A batch of a stage is done, begun as ``key``. The event has the keys stage, clips, failed."""
        self.end_batch(key)
        self._progress.cpu_s[event["stage"]] += cpu_s
        self._progress.annotated[event["stage"]] += event["clips"]
        self._progress.annotations_failed[event["stage"]] += event["failed"]
        self._events.append({"event": "annotations", **event})

    def advanced(self, stage: str, clips: int) -> None:
        """A stage that sees the whole dataset is done with so many more clips."""
        self._progress.annotated[stage] += clips

    def dataset_annotated(self, event: Event, cpu_s: float) -> None:
        """A stage that sees the whole dataset is done. The event has the keys stage, clips, failed."""
        self._progress.cpu_s[event["stage"]] += cpu_s
        self._progress.annotations_failed[event["stage"]] += event["failed"]
        self._events.append({"event": "annotations", **event})

    def time_spent(self, cpu_s: Mapping[str, float]) -> None:
        """Add to the CPU seconds of stages."""
        for stage, seconds in cpu_s.items():
            self._progress.cpu_s[stage] += seconds

    def stop_run(self, message: str) -> None:
        """No item is to blame, but nothing can go on (a full disk)."""
        self._progress.fatal = self._progress.fatal or message

    def look(self) -> tuple[Progress, list[Event]]:
        """The progress and the events since the last look."""
        events = list(self._events)
        self._events.clear()
        self._progress.in_flight = len(self._in_flight)
        return self._progress, events
