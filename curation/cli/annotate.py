"""`curation annotate`."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from curation.cli.options import Address, Config, DatasetArgument, InProcess, Log, Overrides, Quiet, Verbose

NAME = "annotate"


def command(
    dataset: DatasetArgument,
    stage: Annotated[str, typer.Option(metavar="NAME", help="The stage to add or to compute again.")],
    pipeline: Annotated[
        str | None,
        typer.Option("--pipeline", "-p", metavar="NAME", help="Take the stage's parameters from this pipeline."),
    ] = None,
    config: Config = None,
    overrides: Overrides = None,
    again: Annotated[bool, typer.Option("--again", help="Compute even what is up to date.")] = False,
    address: Address = None,
    in_process: InProcess = False,
    quiet: Quiet = False,
    log: Log = None,
    verbose: Verbose = False,
) -> None:
    """Add or recompute one annotation of all clips of DATASET, from the clips themselves.

    Without --pipeline the parameters are those of the dataset's last run, or the stage's defaults; --set changes them.

    Example: `curation annotate dataset --stage optical_flow --set optical_flow.fps=4`
    """
    from curation.cli.session import run_job
    from curation.config import ResolvedPipeline, check_pipeline, load_config, override_stage, resolve_pipeline
    from curation.dataset.description import DESCRIPTION, read_description
    from curation.dataset.storage import Storage
    from curation.errors import UserError

    stored = ResolvedPipeline.from_dict(read_description(Storage(dataset))["pipeline"], f"{dataset}/{DESCRIPTION}")
    if pipeline is not None:
        wanted = resolve_pipeline(load_config(config), pipeline, overrides or []).stage(stage)
    else:
        wanted = override_stage(stored, stage, overrides or [])
    resolved = stored.with_stage(wanted)
    if stage in (one.name for one in resolved.splitters):
        raise UserError(
            f"--stage {stage}: it makes clips, and annotates none; to make them anew: curation run INPUT… "
            f"-o {shlex.quote(dataset)} --set {stage}.key=value"
        )
    given = [*(["--pipeline", pipeline] if pipeline else []), "--stage", stage]
    given += [*(["--config", str(config)] if config else []), *(f"--set={one}" for one in overrides or [])]
    check_pipeline(resolved, shlex.join(given))
    status = run_job(
        resolved,
        dataset,
        lambda job: job.annotate(stage, again=again),
        otherwise=f"{stage} is up to date for all clips of {dataset}",
        address=address,
        in_process=in_process,
        quiet=quiet,
        log=log,
        verbose=verbose,
    )
    raise typer.Exit(status)
