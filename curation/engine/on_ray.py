"""Work on Ray, on this machine or a cluster."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from curation.dataset import journal
from curation.dataset.clip_columns import ColumnSource
from curation.dataset.storage import Storage
from curation.engine.cluster import largest_machine, ray_session
from curation.engine.dataset_worker import annotate_dataset, record_death
from curation.engine.executor import FOLD_EVERY_S, Capacity
from curation.engine.identify import IDENTITY_SCHEMA, identify
from curation.engine.ledger import Ledger, Progress
from curation.engine.ledger_actor import LedgerActor
from curation.engine.looking import looking
from curation.engine.pipeline import Stages
from curation.engine.remaining import Remaining
from curation.engine.resources import Pool, dataset_pool, share_out
from curation.engine.source_worker import MAX_ATTEMPTS
from curation.engine.spec import StageSpec
from curation.engine.watcher import Watcher
from curation.errors import UserError

IDENTIFIED_AT_ONCE = 16
RAISED = re.compile(r"[\w.]+(Error|Exception|Interrupt|Exit)\b")


@dataclass(frozen=True)
class OnRay:
    """An `Executor`. ``address``: the cluster; None: Ray is started here. ``verbose``: Ray's own log is shown."""

    address: str | None = None
    verbose: bool = False
    starting = "starting Ray"

    @contextmanager
    def session(self) -> Iterator[Capacity]:
        with ray_session(self.address, self.verbose) as (cpus, gpus):
            yield Capacity(cpus, gpus)

    def identify(self, sources: Sequence[str]) -> Iterator[dict[str, Any]]:
        import ray

        data = ray.data.from_items(
            [{"source": source} for source in sources], override_num_blocks=-(-len(sources) // IDENTIFIED_AT_ONCE)
        ).map_batches(_identify_batch, batch_format="pyarrow", batch_size=None)
        for block in data.iter_batches(batch_size=None, batch_format="pyarrow"):
            assert isinstance(block, pa.Table)
            yield from block.to_pylist()

    def pools(self, stages: Stages, capacity: Capacity) -> list[Pool]:
        annotators = [(spec.name, spec.run) for spec in stages.annotators]
        return share_out([spec.run for spec in stages.splitters], annotators, *capacity)

    def dataset_pool(self, spec: StageSpec, capacity: Capacity) -> Pool:
        return dataset_pool(spec.name, spec.run, *largest_machine())

    def execute(
        self, storage: Storage, stages: Stages, pools: Sequence[Pool], work: Remaining, watcher: Watcher
    ) -> Progress:
        import ray

        from curation.engine.ray_stream import stream

        ledger = LedgerActor.start()
        folded = time.monotonic()
        stopped_by = ""
        with looking(ledger, watcher, gone=(ray.exceptions.RayError,)):
            try:
                for _ in stream([*work.videos, *work.clips], stages, pools, storage.location, ledger):
                    if time.monotonic() - folded > FOLD_EVERY_S:
                        journal.fold(storage)
                        folded = time.monotonic()
            except ray.exceptions.RayError as error:
                stopped_by = _cause(error)
        # Not raised in the handler: an error that held the pipeline's frames would keep its actors and their CPUs.
        return _last_look(ledger, watcher, stopped_by)

    def annotate_dataset(
        self,
        storage: Storage,
        spec: StageSpec,
        sources: Mapping[str, ColumnSource],
        inputs: str,
        watcher: Watcher,
        progress: Progress,
    ) -> Progress:
        import ray

        task = ray.remote(annotate_dataset).options(num_cpus=spec.num_cpus, num_gpus=spec.run.num_gpus, max_retries=0)
        ledger = LedgerActor.start(progress)
        stopped_by = ""
        with looking(ledger, watcher, gone=(ray.exceptions.RayError,)):
            for _ in range(MAX_ATTEMPTS):
                try:
                    ray.get(task.remote(storage.location, ledger, spec, sources, inputs))
                    break
                except ray.exceptions.RayTaskError as error:
                    stopped_by = _cause(error)
                    break
                except (
                    ray.exceptions.WorkerCrashedError,
                    ray.exceptions.OutOfMemoryError,
                    ray.exceptions.NodeDiedError,
                ):
                    continue
            else:
                record_death(storage, ledger, spec, inputs)
        return _last_look(ledger, watcher, stopped_by)


def _last_look(ledger: Ledger, watcher: Watcher, stopped_by: str) -> Progress:
    """What was done in the end. Raises `UserError` where an error ended it."""
    progress, events = ledger.look()
    if stopped_by:
        raise UserError(progress.fatal or f"the pipeline stopped: {stopped_by}; see it whole with --verbose")
    watcher.progressed(progress, events)
    return progress


def _identify_batch(batch: pa.Table) -> pa.Table:
    return pa.Table.from_pylist(identify(batch["source"].to_pylist()), schema=IDENTITY_SCHEMA)


def _cause(error: BaseException) -> str:
    """The exception that a worker raised, in one line: Ray wraps it in traces and advice."""
    cause = getattr(error, "cause", None)
    if cause is not None:
        return " ".join(f"{type(cause).__name__}: {cause}".split())
    lines = [line.strip() for line in str(error).splitlines()]
    raised = [line for line in lines if RAISED.match(line)]
    return raised[-1] if raised else next(filter(None, lines), type(error).__name__)
