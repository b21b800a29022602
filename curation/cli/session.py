"""Running a job for a command: screen, log file, summary, exit status."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from curation.errors import UserError

if TYPE_CHECKING:
    from curation.config import ResolvedPipeline
    from curation.engine.job import Job, Outcome


def run_job(
    pipeline: ResolvedPipeline,
    dataset: str,
    do: Callable[[Job], Outcome],
    *,
    otherwise: str,
    address: str | None,
    in_process: bool,
    quiet: bool,
    log: Path | None,
    verbose: bool,
) -> int:
    """Do a job with live progress and a closing summary; returns the exit status, 0 or 1.

    ``otherwise``: why there was nothing to do, where the job was about no video.
    """
    from curation.cli.progress import Screen
    from curation.cli.summary import print_nothing_to_do, print_summary
    from curation.engine.in_process import InProcess
    from curation.engine.job import Job
    from curation.engine.on_ray import OnRay
    from curation.engine.summary import summarise

    executor = InProcess(verbose) if in_process else OnRay(address, verbose)
    with ExitStack() as stack:
        names = [stage.name for stage in (*pipeline.annotators, *pipeline.dataset_annotators)]
        screen = Screen(quiet=quiet, log=_open_log(log, stack), stages=names)
        with screen:
            outcome = do(Job(pipeline, dataset, executor, screen))
        summary = summarise(outcome)
        screen.write({"event": "finished", **summary.as_dict()})
    if not quiet:
        if outcome.work or outcome.progress.videos_done or outcome.missing:
            print_summary(summary, dataset)
        else:
            print_nothing_to_do(summary, dataset, otherwise)
    return 1 if summary.failures else 0


def _open_log(path: Path | None, stack: ExitStack) -> TextIO | None:
    if path is None:
        return None
    if str(path) == "-":
        return sys.stderr
    try:
        return stack.enter_context(path.open("a", encoding="utf-8"))
    except OSError as error:
        raise UserError(f"--log {path}: cannot write there: {error.strerror}") from error
