"""Work in the process of the caller, without Ray: for debugging a stage, and for jobs that are done sooner than Ray
has started."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pyarrow as pa

from curation.dataset import journal
from curation.dataset.clip_columns import ColumnSource
from curation.dataset.storage import Storage
from curation.engine.annotate_worker import AnnotateWorker, DeviceLostError
from curation.engine.cluster import local_resources, stop_on_sigterm
from curation.engine.dataset_worker import annotate_dataset
from curation.engine.executor import FOLD_EVERY_S, Capacity
from curation.engine.identify import identify
from curation.engine.ledger import Ledger, Progress
from curation.engine.looking import looking
from curation.engine.pipeline import Stages, worker_arguments
from curation.engine.remaining import Remaining
from curation.engine.resources import Pool
from curation.engine.source_worker import SourceWorker
from curation.engine.spec import StageSpec
from curation.engine.watcher import Watcher
from curation.engine.work import ClipItem, VideoItem, work_row
from curation.errors import DiskFullError, UserError


@dataclass(frozen=True)
class InProcess:
    """An `Executor`: one video and one batch at a time; every stage has all CPUs. A crash takes the job with it.

    ``verbose``: an exception that no item is to blame for is raised as it is.
    """

    verbose: bool = False
    starting = ""

    @contextmanager
    def session(self) -> Iterator[Capacity]:
        stop_on_sigterm()
        yield Capacity(*local_resources(with_gpus=False))

    def identify(self, sources: Sequence[str]) -> Iterable[dict[str, Any]]:
        return identify(sources)

    def pools(self, stages: Stages, capacity: Capacity) -> list[Pool]:
        """None: there is this process. A GPU that is asked for must be there."""
        for spec in [*stages.splitters, *stages.annotators]:
            _check_gpu(spec)
        return []

    def dataset_pool(self, spec: StageSpec, capacity: Capacity) -> Pool:
        _check_gpu(spec)
        return Pool(spec.name, 1, capacity.cpus, spec.run.num_gpus, spec.run.batch_size)

    def execute(
        self, storage: Storage, stages: Stages, pools: Sequence[Pool], work: Remaining, watcher: Watcher
    ) -> Progress:
        ledger = Ledger()
        cpus, _ = local_resources(with_gpus=False)
        folded = time.monotonic()
        with self._told(), looking(ledger, watcher):
            for _ in _stream(stages.with_cpus(cpus), work, storage, ledger):
                if time.monotonic() - folded > FOLD_EVERY_S:
                    journal.fold(storage)
                    folded = time.monotonic()
        progress, events = ledger.look()
        watcher.progressed(progress, events)
        return progress

    def annotate_dataset(
        self,
        storage: Storage,
        spec: StageSpec,
        sources: Mapping[str, ColumnSource],
        inputs: str,
        watcher: Watcher,
        progress: Progress,
    ) -> Progress:
        ledger = Ledger(progress)
        with self._told(), looking(ledger, watcher):
            annotate_dataset(storage.location, ledger, spec, sources, inputs)
        progress, events = ledger.look()
        watcher.progressed(progress, events)
        return progress

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What no item is to blame for, as a `UserError`."""
        try:
            yield
        except UserError:
            raise
        except (DiskFullError, DeviceLostError) as error:
            raise UserError(str(error)) from error
        except Exception as error:
            if self.verbose:
                raise
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise UserError(f"the pipeline stopped: {reason}; see it whole with --verbose") from error


def _check_gpu(spec: StageSpec) -> None:
    if spec.run.num_gpus:
        import torch

        if not torch.cuda.is_available():
            raise UserError(f"{spec.name}: run.num_gpus asks for a GPU and there is none here; set it to 0")


def _stream(stages: Stages, work: Remaining, storage: Storage, ledger: Ledger) -> Iterator[pa.Table]:
    source_arguments, annotator_arguments = worker_arguments(stages, storage.location, ledger)
    source = SourceWorker(**source_arguments)
    items: list[VideoItem | ClipItem] = [*work.videos, *work.clips]
    clips: Iterator[pa.Table] = (clip for item in items for clip in source(pa.Table.from_pylist([work_row(item)])))
    for arguments, spec in zip(annotator_arguments, stages.annotators, strict=True):
        clips = _annotated(clips, AnnotateWorker(**arguments), spec.run.batch_size)
    yield from clips


def _annotated(clips: Iterator[pa.Table], worker: AnnotateWorker, batch_size: int) -> Iterator[pa.Table]:
    """Tables of one clip each, in and out."""
    while batch := list(islice(clips, batch_size)):
        done = worker(pa.concat_tables(batch))
        yield from (done.slice(row, 1) for row in range(done.num_rows))
