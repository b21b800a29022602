"""`curation retry`."""

from __future__ import annotations

import typer

from curation.cli.options import Address, DatasetArgument, InProcess, Log, Quiet, Verbose

NAME = "retry"


def command(
    dataset: DatasetArgument,
    address: Address = None,
    in_process: InProcess = False,
    quiet: Quiet = False,
    log: Log = None,
    verbose: Verbose = False,
) -> None:
    """Do again what failed in DATASET, with the configuration that is stored in it.

    Example: `curation retry dataset`
    """
    from curation.cli.session import run_job
    from curation.config import ResolvedPipeline, check_pipeline
    from curation.dataset.description import DESCRIPTION, read_description
    from curation.dataset.storage import Storage

    stored = read_description(Storage(dataset))["pipeline"]
    resolved = ResolvedPipeline.from_dict(stored, f"{dataset}/{DESCRIPTION}")
    check_pipeline(resolved)
    status = run_job(
        resolved,
        dataset,
        lambda job: job.retry(),
        otherwise=f"nothing in {dataset} has failed",
        address=address,
        in_process=in_process,
        quiet=quiet,
        log=log,
        verbose=verbose,
    )
    raise typer.Exit(status)
