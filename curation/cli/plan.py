"""`curation plan`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curation.cli.options import Address, Config, Inputs, Limit, Output, Overrides, Pipeline

if TYPE_CHECKING:
    from curation.config import ResolvedPipeline
    from curation.engine.estimate import Estimate

NAME = "plan"


def command(
    inputs: Inputs,
    output: Output,
    pipeline: Pipeline = "quickstart",
    config: Config = None,
    overrides: Overrides = None,
    limit: Limit = None,
    address: Address = None,
) -> None:
    """Check everything that `run` with the same arguments needs, and show what it would do. Runs nothing.

    Example: `curation plan videos/ -o dataset --pipeline lvd`
    """
    from curation.config import check_pipeline, load_config, resolve_pipeline
    from curation.dataset.lock import check_folder
    from curation.dataset.storage import Storage
    from curation.engine.estimate import estimate
    from curation.sources.discover import discover

    resolved = resolve_pipeline(load_config(config), pipeline, overrides or [])
    check_pipeline(resolved)
    sources = discover(inputs, limit, exclude=[output], images="image" in resolved.opens)
    check_folder(Storage(output))
    found = estimate(Storage(output), resolved, sources)
    _show(resolved, found, output, address)


def _show(pipeline: ResolvedPipeline, found: Estimate, output: str, address: str | None) -> None:
    from rich.console import Console
    from rich.table import Table

    from curation.config import requirements
    from curation.contact_sheet import clock
    from curation.engine.cluster import local_resources
    from curation.engine.resources import SOURCE_POOL, dataset_pool, share_out

    console = Console()
    stages = Table(
        "stage", "parameters", "actors", "CPUs each", "GPUs each", "batch", title=f"pipeline {pipeline.name}"
    )
    if address is None:
        cpus, gpus = local_resources(with_gpus=any(stage.run.num_gpus for stage in pipeline.stages))
        splitters = [stage.run for stage in pipeline.splitters]
        annotators = [(stage.name, stage.run) for stage in pipeline.annotators]
        pools = {pool.name: pool for pool in share_out(splitters, annotators, cpus, gpus)}
        pools |= {stage.name: dataset_pool(stage.name, stage.run, cpus, gpus) for stage in pipeline.dataset_annotators}
    else:
        pools = {}
    for stage in pipeline.stages:
        pool = pools.get(SOURCE_POOL if stage in pipeline.splitters else stage.name)
        written = stage.config.model_dump(mode="json", exclude_unset=True, exclude_defaults=True)
        values = ", ".join(f"{key}={value}" for key, value in written.items()) or "defaults"
        shares = (
            [str(pool.actors), f"{pool.num_cpus:g}", f"{pool.num_gpus:g}", str(pool.batch_size)]
            if pool
            else [
                str(stage.run.concurrency),
                str(stage.run.num_cpus),
                f"{stage.run.num_gpus:g}",
                str(stage.run.batch_size),
            ]
        )
        if stage in pipeline.dataset_annotators:
            shares[0], shares[-1] = "1, at the end", "all clips"
        stages.add_row(stage.name, values, *shares)
    console.print(stages)
    for _, requirement in requirements(pipeline):
        fetch = f"downloads {requirement.download_bytes / 1e6:.0f} MB" if requirement.download_bytes else "is here"
        console.print(f"needs {requirement.name}: {fetch}")
    console.print(f"sources: {found.sources}, {found.bytes / 1e6:,.1f} MB; done already in {output}: {found.done}")
    if found.seconds is not None:
        console.print(f"video: {clock(found.seconds)} by the headers of {found.probed} files")
    if found.decode_cpu_s is not None:
        console.print(
            f"decoding all of it once: {clock(found.decode_cpu_s)} of CPU time here, measured on the first file"
        )
    console.print("Everything that was checked is in order; start it with: curation run")
