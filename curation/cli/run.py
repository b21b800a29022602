"""`curation run`."""

from __future__ import annotations

from typing import Annotated

import typer

from curation.cli.options import (
    Address,
    Config,
    InProcess,
    Inputs,
    Limit,
    Log,
    Output,
    Overrides,
    Pipeline,
    Quiet,
    Verbose,
)

NAME = "run"


def command(
    inputs: Inputs,
    output: Output,
    pipeline: Pipeline = "quickstart",
    config: Config = None,
    overrides: Overrides = None,
    limit: Limit = None,
    readmit: Annotated[
        bool, typer.Option("--readmit", help="Take in again what `curation remove` took out of DATASET.")
    ] = False,
    address: Address = None,
    in_process: InProcess = False,
    quiet: Quiet = False,
    log: Log = None,
    verbose: Verbose = False,
) -> None:
    """Cut, clip and annotate videos into DATASET; a run that was stopped goes on where it was.

    Example: `curation run videos/ -o dataset --set optical_flow.fps=4`

    Exit status: 0 all done; 1 some items failed; 2 the request cannot run.
    """
    from curation.cli.session import run_job
    from curation.config import check_pipeline, load_config, resolve_pipeline
    from curation.sources.discover import discover

    resolved = resolve_pipeline(load_config(config), pipeline, overrides or [])
    check_pipeline(resolved)
    sources = discover(inputs, limit, exclude=[output], images="image" in resolved.opens)
    status = run_job(
        resolved,
        output,
        lambda job: job.run(sources, readmit=readmit),
        otherwise="all of these sources are passed over",
        address=address,
        in_process=in_process,
        quiet=quiet,
        log=log,
        verbose=verbose,
    )
    raise typer.Exit(status)
