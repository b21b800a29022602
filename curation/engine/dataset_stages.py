"""Running the stages that see the whole dataset, one after the other, when all clips are annotated."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from curation.dataset.clip_columns import ClipColumns
from curation.dataset.storage import Storage
from curation.engine.dataset_worker import annotate_dataset, failures
from curation.engine.execution import cause, last_look, watched_ledger
from curation.engine.ledger import Progress
from curation.engine.pipeline import Stages
from curation.engine.resources import Pool
from curation.engine.source_worker import MAX_ATTEMPTS
from curation.engine.spec import StageSpec
from curation.engine.watcher import Watcher
from curation.engine.whole_dataset import column_sources, inputs_state, is_up_to_date, publish


def annotate_datasets(
    storage: Storage,
    stages: Stages,
    pools: Sequence[Pool],
    watcher: Watcher,
    progress: Progress,
    again: Collection[str] = (),
) -> Progress:
    """Bring the tables of the stages that ``pools`` name up to date, those of ``again`` even where they are.

    The tables that they read must be folded; a Ray session must be running. A stage that fails, or whose worker dies
    twice, leaves a table of errors.

    Raises:
        UserError: a stage cannot start, or no space is left.
    """
    by_name = {pool.name: pool for pool in pools}
    for spec in stages.dataset_annotators:
        pool = by_name.get(spec.name)
        if pool is not None and (spec.name in again or not is_up_to_date(storage, stages, spec)):
            watcher.working(f"{spec.name}: looking at all clips together")
            progress = _annotate(storage, stages, replace(spec, num_cpus=pool.num_cpus), watcher, progress)
    return progress


def _annotate(storage: Storage, stages: Stages, spec: StageSpec, watcher: Watcher, progress: Progress) -> Progress:
    import ray

    inputs = inputs_state(storage, stages, spec)
    task = ray.remote(annotate_dataset).options(num_cpus=spec.num_cpus, num_gpus=spec.run.num_gpus, max_retries=0)
    sources = column_sources(stages, spec)
    stopped_by = ""
    with watched_ledger(watcher, progress) as ledger:
        for _ in range(MAX_ATTEMPTS):
            try:
                ray.get(task.remote(storage.location, ledger, spec, sources, inputs))
                break
            except ray.exceptions.RayTaskError as error:
                stopped_by = cause(error)
                break
            except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError, ray.exceptions.NodeDiedError):
                continue
        else:
            _record_death(storage, spec, inputs, ledger)
    return last_look(ledger, watcher, stopped_by)


def _record_death(storage: Storage, spec: StageSpec, inputs: str, ledger: Any) -> None:
    clips = ClipColumns(storage, {})
    reason = f"the worker process died {MAX_ATTEMPTS} times on it (crash, or out of memory)"
    publish(storage, spec, failures(spec, clips, reason), inputs)
    ledger.dataset_annotated.remote({"stage": spec.name, "clips": len(clips), "failed": len(clips)}, 0.0)
