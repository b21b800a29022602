"""The video UNet against diffusers' UNetSpatioTemporalConditionModel: same machine, same weights, same batch.

    python -m benchmarks.training [--size 5m] [--frames 8] [--height 128] [--width 192] [--compile inductor]
    python -m benchmarks.training --count [--size svd] [--compile eager]

A step is forward, backward and AdamW. The two take turns, each time as a process of its own; times are medians, and so
is the ratio, of the pairs. On a CPU: CPU seconds, float32, a small network. On CUDA: seconds, float32 weights under
bfloat16 autocast, 14 × 256 × 384 and 14 × 320 × 576 with 1.5 billion and 40 million weights. FLOP/s and MFU are by the
FLOPs of our network for both: what diffusers computes more than once is no use of the device.

--count runs nothing: it counts the FLOPs of a step and the bytes that the forward pass keeps (bfloat16, eager) of the
real sizes, on any machine; with --compile eager also the graphs that torch.compile makes of them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from statistics import median
from typing import Any, get_args

import torch

from benchmarks.training_case import Case, Network
from models.diffusion.unet.config import SIZES, ActivationCheckpointing
from models.diffusion.unet.flops import flops

NETWORKS: tuple[Network, ...] = get_args(Network)
MODES: tuple[ActivationCheckpointing, ...] = get_args(ActivationCheckpointing)
REAL_SIZES = ((14, 256, 384), (14, 320, 576))
PEAK_FLOPS = {"H100 PCIe": 756e12, "H100": 989e12, "H200": 989e12, "A100": 312e12, "L40S": 362e12}
"""bfloat16 with float32 accumulation, dense, by a part of the device's name (NVIDIA's data sheets)."""


def main() -> None:
    """Print one table."""
    options = _options()
    cases = list(_cases(options, real=options.count or torch.cuda.is_available()))
    if options.count:
        count(cases, options.compile)
    else:
        measure(cases, options.compile, options.steps, options.repeat)


def count(cases: list[Case], backend: str | None) -> None:
    """FLOPs and saved bytes of each case, in every mode of checkpointing; with ``backend`` the graphs too."""
    print("| case | network | TFLOP a step | kept, GB: none | selective | full | graphs, breaks |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for case in cases:
        for kind in NETWORKS:
            kept = [replace(case, checkpointing=mode).saved(kind) / 1e9 for mode in MODES]
            cells = [f"{value:.2f}" for value in kept]
            if kind == "diffusers":
                cells[1] = "–"  # it knows one mode only
            work = f"{case.flops(kind) / 1e12:.2f}"
            graphs = "–" if backend is None else "{}, {}".format(*case.graphs(kind, backend))
            print(f"| {' | '.join((_name(case), kind, work, *cells, graphs))} |", flush=True)


def measure(cases: list[Case], backend: str | None, steps: int, repeat: int) -> None:
    """Steps of both networks, in turns."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "one CPU core, CPU seconds"
    print(f"{device}; {f'torch.compile, {backend}' if backend else 'eager'}; {repeat} rounds of {steps} steps\n")
    print(
        "| case | network | step, ms | throughput, × diffusers | peak, GB | kept, GB | TFLOP/s | MFU | graphs, breaks |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for case in cases:
        rounds = [{kind: _steps(case, kind, backend, steps) for kind in NETWORKS} for _ in range(repeat)]
        ratio = median(median(one["diffusers"]["seconds"]) / median(one["ours"]["seconds"]) for one in rounds)
        work = 3 * flops(case.config, case.frames, case.height // 8, case.width // 8, case.tokens, case.batch)
        for kind in NETWORKS:
            seconds = median(median(one[kind]["seconds"]) for one in rounds)
            last = rounds[-1][kind]
            cells = (
                _name(case),
                kind,
                f"{1000 * seconds:.0f}",
                f"{ratio:.2f}" if kind == "ours" else "1",
                f"{last['peak'] / 1e9:.2f}",
                "–" if last["saved"] is None else f"{last['saved'] / 1e9:.2f}",
                f"{work / seconds / 1e12:.3g}",
                _utilisation(work / seconds),
                f"{last['graphs']}, {last['breaks']}" if backend else "–",
            )
            print(f"| {' | '.join(cells)} |", flush=True)


def _steps(case: Case, kind: Network, backend: str | None, steps: int) -> dict[str, Any]:
    request = {"case": asdict(case), "kind": kind, "backend": backend, "steps": steps}
    command = [sys.executable, "-m", "benchmarks.training_step", json.dumps(request)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _utilisation(flops_per_s: float) -> str:
    if not torch.cuda.is_available():
        return "–"
    name = torch.cuda.get_device_name()
    peak = next((value for part, value in PEAK_FLOPS.items() if part in name), None)
    return f"{flops_per_s / peak:.0%}" if peak else "unknown peak"


def _cases(options: argparse.Namespace, real: bool) -> Iterator[Case]:
    sizes = options.size or (["svd", "40m"] if real else ["5m"])
    shapes = REAL_SIZES if real else ((8, 128, 192),)
    if options.frames or options.height or options.width:
        frames, height, width = shapes[0]
        shapes = ((options.frames or frames, options.height or height, options.width or width),)
    for size in sizes:
        for tokens in options.tokens or [1, 77]:
            for frames, height, width in shapes:
                yield Case(size, frames, height, width, options.batch, tokens, options.checkpointing)


def _name(case: Case) -> str:
    recomputed = "" if case.checkpointing == "none" else f", {case.checkpointing} checkpointing"
    batch = f"{case.batch} × " if case.batch > 1 else ""
    context = f"{case.tokens} token{'s' if case.tokens > 1 else ''}"
    return f"{case.size}, {batch}{case.frames} × {case.height} × {case.width}, {context}{recomputed}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", action="store_true", help="count only")
    parser.add_argument("--size", action="append", choices=list(SIZES))
    parser.add_argument("--frames", type=int)
    parser.add_argument("--height", type=int, help="pixels")
    parser.add_argument("--width", type=int, help="pixels")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--tokens", type=int, action="append", help="of the context; default: 1 (image) and 77 (text)")
    parser.add_argument("--checkpointing", choices=MODES, default="none")
    parser.add_argument("--compile", metavar="BACKEND", help="a backend of torch.compile, such as inductor")
    parser.add_argument("--steps", type=int, default=3, help="of a round")
    parser.add_argument("--repeat", type=int, default=3, help="rounds")
    return parser.parse_args()


if __name__ == "__main__":
    main()
