"""The ledger of a run on Ray: one small actor that all workers tell what they did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curation.engine.ledger import Event, Ledger, Progress


class LedgerActor(Ledger):
    """A `Ledger` in an actor of its own. Only `begin`, `begin_batch`, `dataset_annotated` and `look` wait for it; they
    raise Ray's `RayError` when the run has ended and taken it away."""

    def __init__(self, actor: Any) -> None:
        self.actor = actor

    @classmethod
    def start(cls, progress: Progress | None = None) -> LedgerActor:
        """A Ray session must be running. ``progress``: what this run has done before."""
        import ray

        return cls(ray.remote(Ledger).options(num_cpus=0, enable_task_events=False).remote(progress))

    def begin(self, video_id: str) -> int:
        import ray

        return int(ray.get(self.actor.begin.remote(video_id)))

    def begin_batch(self, key: str) -> int:
        import ray

        return int(ray.get(self.actor.begin_batch.remote(key)))

    def end_batch(self, key: str) -> None:
        self.actor.end_batch.remote(key)

    def video_finished(self, event: Event, cpu_s: Mapping[str, float]) -> None:
        self.actor.video_finished.remote(event, cpu_s)

    def clips_annotated(self, event: Event, cpu_s: float, key: str) -> None:
        self.actor.clips_annotated.remote(event, cpu_s, key)

    def advanced(self, stage: str, clips: int) -> None:
        self.actor.advanced.remote(stage, clips)

    def dataset_annotated(self, event: Event, cpu_s: float) -> None:
        """Waits: the driver looks as soon as the stage's task has ended."""
        import ray

        ray.get(self.actor.dataset_annotated.remote(event, cpu_s))

    def time_spent(self, cpu_s: Mapping[str, float]) -> None:
        self.actor.time_spent.remote(cpu_s)

    def stop_run(self, message: str) -> None:
        self.actor.stop_run.remote(message)

    def look(self) -> tuple[Progress, list[Event]]:
        import ray

        progress: Progress
        progress, events = ray.get(self.actor.look.remote())
        return progress, events
