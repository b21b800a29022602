"""Starting Ray on this machine, or joining a cluster."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from curation.errors import UserError
from curation.sources.location import shown

LOCAL_OBJECT_STORE_BYTES = 2**30
CONNECT_SECONDS = 10
NO_CLUSTER = "--address {}: no Ray cluster to join there"


@contextmanager
def ray_session(address: str | None, verbose: bool = False) -> Iterator[tuple[float, float]]:
    """Connect to the cluster at ``address``, or start Ray here; yields its CPUs and GPUs. Leaves it on exit.

    Without ``address`` none that may run on this machine is joined. A session of this process that is already running
    is used, and left running.

    Raises:
        UserError: no cluster answers at ``address``.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_DATA_DISABLE_PROGRESS_BARS", "1")
    if not verbose:
        os.environ.setdefault("RAY_DATA_LOG_LEVEL", "CRITICAL")
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        warnings.filterwarnings("ignore", module="ray")
    import ray

    mine = not ray.is_initialized()
    if mine:
        _check_arguments()
        if address is not None:
            _check_address(address)
        quiet: dict[str, Any] = {"logging_level": logging.INFO if verbose else logging.ERROR, "log_to_driver": verbose}
        try:
            with nullcontext() if verbose else _native_log_hushed():
                if address is None:
                    ray.init("local", include_dashboard=False, object_store_memory=LOCAL_OBJECT_STORE_BYTES, **quiet)
                else:
                    ray.init(address=address, **quiet)
        except (ConnectionError, RuntimeError, ValueError) as error:
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            failed = "cannot start Ray here" if address is None else NO_CLUSTER.format(address)
            raise UserError(f"{failed}: {reason}") from error
        stop_on_sigterm()
    try:
        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        yield resources.get("CPU", 0.0), resources.get("GPU", 0.0)
    finally:
        if mine:
            ray.shutdown()


def largest_machine() -> tuple[float, float]:
    """CPUs and GPUs of the machine with the most of them in the cluster that was joined."""
    import ray

    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    return max((each.get("GPU", 0.0), each.get("CPU", 0.0)) for each in machines)[::-1]


def stop_on_sigterm() -> None:
    """What Slurm, Kubernetes and `timeout` send ends a job as Ctrl-C does; Ray would end it with a crash report."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def _check_address(address: str) -> None:
    """Ray itself tries for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        try:
            socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
        except OSError as error:
            raise UserError(f"{NO_CLUSTER.format(address)}: {error.strerror or error}") from error


def _check_arguments() -> None:
    """Ray keeps the command line of its driver as UTF-8 text and does not start with any other."""
    for argument in sys.argv:
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise UserError(
                f"{shown(argument)}: this name is not UTF-8; give the folder that holds it instead"
            ) from None


@contextmanager
def _native_log_hushed() -> Iterator[None]:
    """While it starts, Ray's core prints that its log level was set, whatever that level is."""
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def local_resources(*, with_gpus: bool) -> tuple[float, float]:
    """CPUs and GPUs that Ray would use on this machine, without starting it; counting GPUs imports torch."""
    gpus = 0
    if with_gpus:
        import torch

        gpus = torch.cuda.device_count()
    return float(len(os.sched_getaffinity(0))), float(gpus)
