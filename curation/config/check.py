"""Whether a pipeline can run: order, inputs, columns, and what its stages need."""

from __future__ import annotations

from itertools import pairwise

from curation.config.pipeline import ResolvedPipeline, ResolvedStage
from curation.dataset.schema import CLIPS
from curation.errors import UserError
from curation.registry import registered_stages
from curation.stage import MANIFEST, DatasetAnnotator, Requirement, Splitter, Stage, columns_written

CLIPS_INPUT = "clips"
FRAMES_INPUT = "frames"


def check_pipeline(pipeline: ResolvedPipeline, weights_of: str | None = None) -> None:
    """Check order, inputs, columns and requirements. ``weights_of``: options with which `curation models pull` fetches
    the weights; else those of the pipeline.

    A splitter that provides nothing to another splitter, or has "clips" in its ``provides``, yields the clips. After it
    "frames" and the columns of `clips` can be read.

    Raises:
        UserError: one line per mistake.
    """
    mistakes = [*_order_mistakes(pipeline), *_column_mistakes(pipeline)] or _input_mistakes(pipeline)
    if not mistakes:
        mistakes = _missing(pipeline, weights_of or f"--pipeline {pipeline.name}")
    if mistakes:
        raise UserError("\n".join(dict.fromkeys(mistakes)))


def _missing(pipeline: ResolvedPipeline, weights_of: str) -> list[str]:
    needs = [(stage, need) for stage, need in requirements(pipeline) if need.problem is not None]
    told = [f"{stage.place}: {stage.name}: {need.problem}" for stage, need in needs]
    if any(need.fetch is not None for _, need in needs):
        told.append(f"to fetch missing weights ahead: curation models pull {weights_of}")
    return told


def requirements(pipeline: ResolvedPipeline) -> list[tuple[ResolvedStage, Requirement]]:
    """What the stages need besides code, there or not."""
    return [
        (stage, requirement)
        for stage in pipeline.stages
        for requirement in stage.stage_class(stage.config).requirements()
    ]


def _order_mistakes(pipeline: ResolvedPipeline) -> list[str]:
    yields_clips = [stage for stage in pipeline.splitters if CLIPS_INPUT in _provides(stage.stage_class)]
    if not yields_clips:
        givers = _givers(CLIPS_INPUT)
        return [f'the pipeline "{pipeline.name}" has no stage that yields clips{givers}']
    if len(yields_clips) > 1:
        second = yields_clips[1]
        return [f"{second.place}: {second.name}: clips come from {yields_clips[0].name} already; remove one of the two"]
    if pipeline.splitters[-1] is not yields_clips[0]:
        late = pipeline.splitters[-1]
        return [f"{late.place}: {late.name}: must stand before {yields_clips[0].name}, which yields the clips"]
    for earlier, later in pairwise(pipeline.splitters):
        if _opens_images(later.stage_class) and not _opens_images(earlier.stage_class):
            return [f"{later.place}: {later.name}: must stand before {earlier.name}, which takes videos only"]
    last = pipeline.stages.index(pipeline.splitters[-1])
    return [
        f"{stage.place}: {stage.name}: must stand after {pipeline.splitters[-1].name}, which yields the clips"
        for stage in pipeline.stages[:last]
        if stage not in pipeline.splitters
    ]


def _column_mistakes(pipeline: ResolvedPipeline) -> list[str]:
    mistakes = []
    writer = dict.fromkeys((*CLIPS.names, FRAMES_INPUT, MANIFEST), "the engine")
    writer |= dict.fromkeys(CLIPS.names, "the table of clips")
    for stage in (one for one in pipeline.stages if one not in pipeline.splitters):
        for column in (*_provides(stage.stage_class), f"{stage.name}_error"):
            if column in writer:
                mistakes.append(
                    f'{stage.place}: {stage.name}: the column "{column}" is written by {writer[column]} too'
                )
            writer.setdefault(column, stage.name)
    return mistakes


def _input_mistakes(pipeline: ResolvedPipeline) -> list[str]:
    mistakes = []
    provided: set[str] = {MANIFEST}
    of_whole: dict[str, str] = {}
    for index, stage in enumerate(pipeline.stages):
        sees_whole = issubclass(stage.stage_class, DatasetAnnotator)
        for needed in stage.inputs:
            if sees_whole and needed in (FRAMES_INPUT, MANIFEST):
                mistakes.append(
                    f'{stage.place}: {stage.name}: a stage that sees the whole dataset cannot read "{needed}"; '
                    "let an annotator before it make a column of it"
                )
            elif not sees_whole and needed in of_whole:
                mistakes.append(
                    f'{stage.place}: {stage.name}: "{needed}" comes from {of_whole[needed]}, which sees the whole '
                    f"dataset when all clips are annotated; {stage.name} would need it before"
                )
            if needed in provided:
                continue
            later = [other.name for other in pipeline.stages[index + 1 :] if needed in _provides(other.stage_class)]
            mend = f"; {later[0]} gives it: put it before {stage.name}" if later else _givers(needed)
            mistakes.append(f'{stage.place}: {stage.name}: nothing before it gives "{needed}"{mend}')
        provided.update(_provides(stage.stage_class))
        if sees_whole:
            of_whole |= dict.fromkeys(_provides(stage.stage_class), stage.name)
        if CLIPS_INPUT in provided:
            provided.update((FRAMES_INPUT, *CLIPS.names))
    return mistakes


def _opens_images(stage: type[Stage]) -> bool:
    return issubclass(stage, Splitter) and "image" in stage.opens


def _provides(stage: type[Stage]) -> tuple[str, ...]:
    if issubclass(stage, Splitter):
        return stage.provides or (CLIPS_INPUT,)
    return tuple(columns_written(stage))


def _givers(needed: str) -> str:
    """``; add the stage clipping, which gives it``, from all stages that are installed."""
    if needed == FRAMES_INPUT or needed in CLIPS.names:
        needed = CLIPS_INPUT
    givers = [name for name, stage in registered_stages().items() if needed in _provides(stage)]
    return f"; add the stage {' or '.join(givers)}, which gives it" if givers else "; no installed stage gives it"
