"""Running the stages that see the whole dataset, one after the other, when all clips are annotated."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from curation.dataset.storage import Storage
from curation.engine.executor import Executor
from curation.engine.ledger import Progress
from curation.engine.pipeline import Stages
from curation.engine.resources import Pool
from curation.engine.watcher import Watcher
from curation.engine.whole_dataset import column_sources, inputs_state, is_up_to_date


def annotate_datasets(
    storage: Storage,
    stages: Stages,
    pools: Sequence[Pool],
    executor: Executor,
    watcher: Watcher,
    progress: Progress,
    again: Collection[str] = (),
) -> Progress:
    """Bring the tables of the stages that ``pools`` name up to date, those of ``again`` even where they are.

    The tables that they read must be folded; a session of the executor must be running.

    Raises:
        UserError: a stage cannot start, or no space is left.
    """
    by_name = {pool.name: pool for pool in pools}
    for spec in stages.dataset_annotators:
        pool = by_name.get(spec.name)
        if pool is not None and (spec.name in again or not is_up_to_date(storage, stages, spec)):
            watcher.working(f"{spec.name}: looking at all clips together")
            inputs, sources = inputs_state(storage, stages, spec), column_sources(stages, spec)
            spec = replace(spec, num_cpus=pool.num_cpus)
            progress = executor.annotate_dataset(storage, spec, sources, inputs, watcher, progress)
    return progress
