"""The Ray Data pipeline: one pool that opens videos and clips, then one pool per annotator."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from curation.engine.annotate_worker import AnnotateWorker, DeviceLostError
from curation.engine.pipeline import Stages, worker_arguments
from curation.engine.resources import Pool
from curation.engine.source_worker import SourceWorker
from curation.engine.work import ClipItem, VideoItem, work_row

BLOCK_BYTES = 16 * 2**20
MOST_ITEMS_PER_BLOCK = 16
BLOCKS_PER_ACTOR = 20


class AnnotateActor(AnnotateWorker):
    """Ends its process when its GPU is lost: Ray starts another, and only a new process gets a working one."""

    def __call__(self, batch: pa.Table) -> pa.Table:
        try:
            return super().__call__(batch)
        except DeviceLostError:
            os._exit(1)


def stream(
    items: Sequence[VideoItem | ClipItem], stages: Stages, pools: Sequence[Pool], dataset_url: str, ledger: Any
) -> Iterator[pa.Table]:
    """Run the pipeline; yields a table of `TRAVELLING` (without frames) per block as clips leave the last stage."""
    import ray
    from ray.data import ActorPoolStrategy, DataContext

    context = DataContext.get_current()
    context.target_max_block_size = BLOCK_BYTES
    context.memory_usage_poll_interval_s = None  # a thread per actor that walks all its pages every second
    source, *rest = pools
    per_block = max(1, min(MOST_ITEMS_PER_BLOCK, len(items) // (source.actors * BLOCKS_PER_ACTOR)))
    blocks = -(-len(items) // per_block)
    source = replace(source, actors=min(source.actors, blocks))

    def options(pool: Pool) -> dict[str, Any]:
        return {
            "batch_size": pool.batch_size,
            "batch_format": "pyarrow",
            "compute": ActorPoolStrategy(size=pool.actors, max_tasks_in_flight_per_actor=2),
            "num_cpus": pool.num_cpus,
            "num_gpus": pool.num_gpus or None,
        }

    source_arguments, annotator_arguments = worker_arguments(stages.with_pools(pools), dataset_url, ledger)
    data = ray.data.from_items([work_row(item) for item in items], override_num_blocks=blocks).map_batches(
        SourceWorker, fn_constructor_kwargs=source_arguments, **options(source)
    )
    for arguments, pool in zip(annotator_arguments, rest, strict=True):
        data = data.map_batches(AnnotateActor, fn_constructor_kwargs=arguments, **options(pool))
    yield from data.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0)
