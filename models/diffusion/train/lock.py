"""One training at a time in an output folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from models.diffusion.train.distributed import World

LOCK = ".lock"
# A process that was killed may take a moment to end.
PATIENCE_S = 3


@contextmanager
def only_trainer(output: Path, world: World) -> Iterator[None]:
    """Make the folder and hold its lock, on the main rank; every rank must call.

    Raises:
        DiffusionError: on every rank, where it cannot be written to or another training is at work there.
    """
    lock = FileLock(output / LOCK, timeout=PATIENCE_S)
    problem = None
    if world.is_main:
        try:
            output.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout:
            problem = f"--output {output}: another training is writing there; wait until it is done, or stop it"
        except NotImplementedError:
            pass  # a file system without locks
        except OSError as error:
            problem = f"--output {output}: cannot be written to: {error.strerror}"
    try:
        world.refuse(problem)
        yield
    finally:
        lock.release()
