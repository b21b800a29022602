"""Writing many shards: here, one after the other, or as tasks of Ray, one per shard."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from itertools import chain
from typing import Any

from curation.engine.cluster import ray_session
from curation.errors import UserError
from curation.shards.record import ShardRecord
from curation.shards.write import ShardJob, write_shard

Work = tuple[ShardJob, str]

# Starting Ray takes about four seconds. In that time one process copies this much, or transcodes so long a video.
RAY_BYTES = 4 * 10**9
RAY_SECONDS = 30.0
TASKS_PER_WORKER = 2


def carry_out(
    work: Iterable[Work],
    workers: int | None,
    address: str | None,
    *,
    verbose: bool = False,
    starting: Callable[[], None] = lambda: None,
) -> Iterator[ShardRecord]:
    """Write shards, each with its fingerprint; yields their records as they are done, in any order.

    Ray is started (``starting`` is called before) once more than one shard, and so much of them that it pays, has come
    together; with one worker never. ``workers``: tasks at a time; None: as many as there are CPUs.

    Raises:
        UserError: no cluster answers at ``address``, or its workers die again and again.
        DiskFullError: no space is left.
    """
    waiting: list[Work] = []
    rest = iter(work)
    if workers != 1:
        for one in rest:
            waiting.append(one)
            if address is not None or (len(waiting) > 1 and _pays(waiting)):
                starting()
                yield from _on_ray(chain(waiting, rest), workers, address, verbose)
                return
    for job, fingerprint in chain(waiting, rest):
        yield write_shard(job, fingerprint)


def _pays(waiting: list[Work]) -> bool:
    if sum(job.num_bytes for job, _ in waiting) >= RAY_BYTES:
        return True
    transcoded = (sample.seconds for job, _ in waiting if job.transcode for sample in job.samples)
    return sum(transcoded) >= RAY_SECONDS


def _on_ray(work: Iterable[Work], workers: int | None, address: str | None, verbose: bool) -> Iterator[ShardRecord]:
    import ray

    with ExitStack() as stack:
        cpus, _ = stack.enter_context(ray_session(address, verbose))
        task: Any = ray.remote(write_shard).options(num_cpus=1, max_retries=3)
        most = workers or TASKS_PER_WORKER * max(1, int(cpus))
        running: list[Any] = []
        for job, fingerprint in work:
            if len(running) >= most:
                done, running = ray.wait(running)
                yield _result(done[0])
            running.append(task.remote(job, fingerprint))
        while running:
            done, running = ray.wait(running)
            yield _result(done[0])


def _result(reference: Any) -> ShardRecord:
    import ray

    try:
        record: ShardRecord = ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None  # what the task raised, without Ray's trace around it
    except ray.exceptions.RayError as error:
        raise UserError(f"a worker died while packing: {' '.join(str(error).split())[:200]}; give it again") from error
    return record
