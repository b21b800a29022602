"""Training steps of one network: what `benchmarks.training` runs as a process of its own.

A step is forward, backward and AdamW. On CUDA weights are float32 under bfloat16 autocast, on a CPU all is float32.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.activations import saved_bytes
from benchmarks.measure import BYTES_PER_RSS_UNIT
from benchmarks.training_case import Case, Network, output_of

WARM_UP = 2


@dataclass(frozen=True)
class Steps:
    """Attributes:
    seconds: of each step; on a CPU, CPU seconds.
    saved: bytes that the forward pass keeps; None where that is not told (compiled, on a CPU).
    peak: most bytes in use; on a CPU, of the whole process.
    graphs, breaks: of torch.compile.
    """

    seconds: list[float]
    saved: int | None
    peak: int
    graphs: int
    breaks: int


def run(case: Case, kind: Network, backend: str | None, steps: int) -> Steps:
    """``backend``: of torch.compile; None: eager. ``steps``: to measure, after two to warm up."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(1)
    with torch.device(device):
        network = case.network(kind)
    given = case.inputs(device, torch.float32)
    target = torch.randn_like(given[0][:, :, : case.config.out_channels])
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-5, fused=True)
    called = torch.compile(network, backend=backend) if backend else network

    def forward() -> Tensor:
        with _precision(device):
            output = output_of(called, given)
        return functional.mse_loss(output.float(), target)

    def step() -> float:
        before = _clock(device)
        forward().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return _clock(device) - before

    for _ in range(WARM_UP):
        step()
    saved = _saved(forward, device, backend)
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    seconds = [step() for _ in range(steps)]
    counters = torch._dynamo.utils.counters if backend else {"stats": {"unique_graphs": 0}, "graph_break": {}}
    breaks = sum(counters["graph_break"].values())
    return Steps(seconds, saved, _peak(device), counters["stats"]["unique_graphs"], breaks)


def _saved(forward: Callable[[], Tensor], device: str, backend: str | None) -> int | None:
    if device == "cpu":
        return None if backend else saved_bytes(forward)
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    kept = forward()
    torch.cuda.synchronize()
    return torch.cuda.memory_allocated() - before - kept.untyped_storage().nbytes()


def _precision(device: str) -> AbstractContextManager[object]:
    return torch.autocast("cuda", torch.bfloat16) if device == "cuda" else nullcontext()


def _clock(device: str) -> float:
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def _peak(device: str) -> int:
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * BYTES_PER_RSS_UNIT


if __name__ == "__main__":
    request = json.loads(sys.argv[1])
    print(json.dumps(asdict(run(Case(**request.pop("case")), **request))))
