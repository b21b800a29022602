"""The Ray Data pipeline: one pool that opens videos and clips, then one pool per annotator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from curation.config.fingerprint import annotator_fingerprint, split_fingerprint, stage_fingerprint
from curation.config.pipeline import ResolvedPipeline
from curation.engine.resources import Pool
from curation.engine.spec import StageSpec
from curation.engine.work import ClipItem, VideoItem, work_row
from curation.stage import MANIFEST, Annotator, DatasetAnnotator
from curation.video.sampling import FrameRequest

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK_BYTES = 16 * 2**20
MOST_ITEMS_PER_BLOCK = 16
BLOCKS_PER_ACTOR = 20


@dataclass(frozen=True)
class Stages:
    """The stages of a pipeline in order, as workers get them. ``fingerprint``: that of all splitters together."""

    splitters: list[StageSpec]
    annotators: list[StageSpec]
    dataset_annotators: list[StageSpec]
    fingerprint: str

    def with_pools(self, pools: Sequence[Pool]) -> Stages:
        """The same with the CPUs of one actor filled in."""
        source, *rest = pools
        return replace(
            self,
            splitters=[replace(spec, num_cpus=source.num_cpus) for spec in self.splitters],
            annotators=[replace(s, num_cpus=pool.num_cpus) for s, pool in zip(self.annotators, rest, strict=True)],
        )

    def only(self, annotators: set[str]) -> Stages:
        """The same without the annotators that have nothing to do."""
        return replace(self, annotators=[spec for spec in self.annotators if spec.name in annotators])

    def requests(self) -> dict[str, FrameRequest]:
        """The frames that each annotator wants, by stage name."""
        wanted = {spec.name: _annotator(spec).frames() for spec in self.annotators}
        return {name: request for name, request in wanted.items() if request is not None}


def stages_of(pipeline: ResolvedPipeline) -> Stages:
    """The stages of a pipeline with their fingerprints."""
    splitters = [
        StageSpec(stage.name, stage.stage_class, stage.config, stage.run, stage_fingerprint(stage))
        for stage in pipeline.splitters
    ]
    others = [
        StageSpec(stage.name, stage.stage_class, stage.config, stage.run, annotator_fingerprint(pipeline, stage.name))
        for stage in pipeline.stages
        if stage not in pipeline.splitters
    ]
    return Stages(
        splitters,
        [spec for spec in others if issubclass(spec.stage_class, Annotator)],
        [spec for spec in others if issubclass(spec.stage_class, DatasetAnnotator)],
        split_fingerprint(pipeline),
    )


def stream(
    items: Sequence[VideoItem | ClipItem], stages: Stages, pools: Sequence[Pool], dataset_url: str, ledger: Any
) -> Iterator[pa.Table]:
    """Run the pipeline; yields a table of `TRAVELLING` (without frames) per block as clips leave the last stage."""
    import ray
    from ray.data import ActorPoolStrategy, DataContext

    from curation.engine.annotate_worker import AnnotateWorker
    from curation.engine.source_worker import SourceWorker

    context = DataContext.get_current()
    context.target_max_block_size = BLOCK_BYTES
    context.memory_usage_poll_interval_s = None  # a thread per actor that walks all its pages every second
    stages = stages.with_pools(pools)
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

    data = ray.data.from_items([work_row(item) for item in items], override_num_blocks=blocks).map_batches(
        SourceWorker,
        fn_constructor_kwargs={
            "dataset_url": dataset_url,
            "ledger": ledger,
            "splitters": stages.splitters,
            "fingerprint": stages.fingerprint,
            "todo": [spec.name for spec in stages.annotators],
            "requests": stages.requests(),
            "with_manifest": any(MANIFEST in spec.inputs for spec in stages.annotators),
        },
        **options(source),
    )
    for index, (spec, pool) in enumerate(zip(stages.annotators, rest, strict=True)):
        later = stages.annotators[index + 1 :]
        data = data.map_batches(
            AnnotateWorker,
            fn_constructor_kwargs={
                "dataset_url": dataset_url,
                "ledger": ledger,
                "spec": spec,
                "is_last": not later,
                "carry": frozenset(name for stage in later for name in stage.inputs),
            },
            **options(pool),
        )
    yield from data.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0)


def _annotator(spec: StageSpec) -> Annotator:
    stage = spec.build()
    assert isinstance(stage, Annotator)
    return stage
