"""Trainings in processes of their own, one for each rank, so that they can be killed."""

from __future__ import annotations

import multiprocessing
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

from models.diffusion.recipe import Recipe
from models.diffusion.train.log import read_log

# Imported once, also what torch would import later: each process begins as a copy of one that has them.
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["models.diffusion.train.loop", "torch._dynamo", "torch.distributed.checkpoint"])
PATIENCE_S = 120


def run(recipe: Recipe, shards: Path, output: Path, size: int) -> list[int | None]:
    """Train to the end; returns the exit status of each rank."""
    with started(recipe, shards, output, size) as processes:
        for process in processes:
            process.join(PATIENCE_S)
        return [process.exitcode for process in processes]


def run_ranks(work: Callable[..., None], size: int, *told: object) -> list[int | None]:
    """Call ``work(rank, port, *told)`` in a process for each rank; returns their exit status."""
    port = _free_port()
    processes = [_SERVER.Process(target=work, args=(rank, port, *told)) for rank in range(size)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(PATIENCE_S)
    return [process.exitcode for process in processes]


def kill_at(recipe: Recipe, shards: Path, output: Path, size: int, step: int) -> None:
    """Kill all ranks (SIGKILL) as soon as the log has reached ``step``."""
    with started(recipe, shards, output, size) as processes:
        ends = time.monotonic() + PATIENCE_S
        while not any(line["steps"] >= step for line in read_log(output)):
            assert time.monotonic() < ends, "the training never came so far"
            assert all(process.is_alive() for process in processes), "the training ended by itself"
            time.sleep(0.02)
        for process in processes:
            process.kill()


@contextmanager
def started(recipe: Recipe, shards: Path, output: Path, size: int) -> Iterator[list[BaseProcess]]:
    """The processes of a training; whatever happens, none outlives the body."""
    port = _free_port()
    told = (recipe.model_dump_json(), str(shards), str(output), size, port)
    processes: list[BaseProcess] = [_SERVER.Process(target=_train, args=(rank, *told)) for rank in range(size)]
    for process in processes:
        process.start()
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.join()


def _train(rank: int, recipe: str, shards: str, output: str, size: int, port: int) -> None:
    import torch

    from models.diffusion.train.distributed import joined
    from models.diffusion.train.loop import train
    from models.diffusion.train.watcher import Watcher

    torch.set_num_threads(1)
    if size > 1:
        os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(size), "LOCAL_RANK": str(rank)}
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    with joined("cpu") as world:
        finished = train(Recipe.model_validate_json(recipe), [shards], Path(output), world, Watcher())
    os._exit(0 if finished else 130)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
