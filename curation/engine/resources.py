"""How many actors each stage gets, and how many CPUs each: what the config leaves open is shared out evenly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from curation.errors import UserError
from curation.stage import RunPolicy

SOURCE_POOL = "source"
CPU_UNIT = 100


@dataclass(frozen=True)
class Pool:
    """A pool of equal actors."""

    name: str
    actors: int
    num_cpus: float
    num_gpus: float
    batch_size: int


def share_out(
    splitters: Sequence[RunPolicy], annotators: Sequence[tuple[str, RunPolicy]], cpus: float, gpus: float
) -> list[Pool]:
    """The pools of a pipeline on a cluster with so many CPUs and GPUs: first that of all splitters, then one per
    annotator. ``auto`` concurrency is one source actor per CPU, half as many for an annotator, and as many as there
    are GPUs for one on GPUs. ``auto`` num_cpus divides the CPUs that are left: the operating system lets actors
    that have work use the time of those that wait.

    Raises:
        UserError: the stages ask for more than the cluster has.
    """
    asked = [(SOURCE_POOL, _together(splitters), max(1, int(cpus)))]
    asked += [(name, run, max(1, int(cpus) // 2)) for name, run in annotators]
    counts = []
    for name, run, by_cpus in asked:
        by_gpus = max(1, math.floor(gpus / run.num_gpus)) if run.num_gpus else by_cpus
        counts.append((name, run, by_gpus if run.concurrency == "auto" else run.concurrency))
    wanted_gpus = sum(run.num_gpus * count for _, run, count in counts)
    if wanted_gpus > gpus:
        raise UserError(
            f"the stages ask for {wanted_gpus:g} GPUs and there are {gpus:g}; "
            f"lower run.num_gpus or run.concurrency of {_names(counts, 'num_gpus')}"
        )
    fixed = sum(run.num_cpus * count for _, run, count in counts if run.num_cpus != "auto")
    open_actors = sum(count for _, run, count in counts if run.num_cpus == "auto")
    left = cpus - fixed
    if left < 0 or (open_actors and left * CPU_UNIT < open_actors):
        raise UserError(
            f"the stages ask for {fixed:g} CPUs and there are {cpus:g}; lower run.num_cpus or run.concurrency, "
            "or leave num_cpus out"
        )
    share = min(1.0, math.floor(CPU_UNIT * left / open_actors) / CPU_UNIT) if open_actors else 0.0
    return [
        Pool(name, count, share if run.num_cpus == "auto" else run.num_cpus, run.num_gpus, run.batch_size)
        for name, run, count in counts
    ]


def dataset_pool(name: str, run: RunPolicy, cpus: float, gpus: float) -> Pool:
    """The one task of a stage that sees the whole dataset, on a machine with so many CPUs and GPUs: it runs when all
    others are done, and ``auto`` gives it all CPUs.

    Raises:
        UserError: the stage asks for more than the machine has.
    """
    wanted = cpus if run.num_cpus == "auto" else run.num_cpus
    for key, asked, there, what in (("num_cpus", wanted, cpus, "CPUs"), ("num_gpus", run.num_gpus, gpus, "GPUs")):
        if asked > there:
            raise UserError(
                f"{name} asks for {asked:g} {what} and the largest machine has {there:g}; lower {name}.run.{key}"
            )
    return Pool(name, 1, wanted, run.num_gpus, run.batch_size)


def _together(splitters: Sequence[RunPolicy]) -> RunPolicy:
    """All splitters run in one pool: the largest of what they ask for."""
    counts = [run.concurrency for run in splitters if run.concurrency != "auto"]
    shares = [run.num_cpus for run in splitters if run.num_cpus != "auto"]
    return RunPolicy(
        concurrency=max(counts) if counts else "auto",
        num_cpus=max(shares) if shares else "auto",
        num_gpus=max((run.num_gpus for run in splitters), default=0),
        batch_size=1,
    )


def _names(counts: Sequence[tuple[str, RunPolicy, int]], key: str) -> str:
    return ", ".join(name for name, run, _ in counts if getattr(run, key))
