"""Averages of any width, made after training from snapshots of two widths.

A snapshot is a safetensors file that tells its width and its time. The profile of each is a known function of time, so
the wanted profile is fitted by a sum of theirs, and the weights are summed alike.
Source: EDM2, arXiv 2312.02696, section 3.2, appendix C and algorithm 3.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from models.diffusion.ema import WIDEST, PowerProfile
from models.diffusion.errors import DiffusionError

# Of the wanted profile's norm: what a fit may miss before it is said aloud.
_NOTABLE_MISFIT = 0.1

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Snapshot:
    """An average of ``profile`` over the first ``samples`` samples of a training."""

    path: Path
    profile: PowerProfile
    samples: int


def save_snapshot(folder: Path, profile: PowerProfile, samples: int, weights: Mapping[str, Tensor]) -> Path:
    """Write an average (whole tensors, by name) as ``<samples>-<name>.safetensors``: aside, then renamed.

    Raises:
        OSError, SafetensorError: it cannot be written; nothing is left behind.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{samples:012d}-{profile.name}.safetensors"
    aside = path.with_suffix(".part")
    try:
        save_file(
            {name: value.detach().cpu().contiguous() for name, value in weights.items()},
            aside,
            {"sigma_rel": repr(profile.sigma_rel), "samples": str(samples)},
        )
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
    return path


def find_snapshots(folder: Path) -> list[Snapshot]:
    """The snapshots in a folder, by time and width.

    Raises:
        DiffusionError: a file is none.
    """
    found = []
    for path in folder.glob("*.safetensors"):
        try:
            with safe_open(path, "pt") as file:
                told = file.metadata() or {}
            found.append(Snapshot(path, PowerProfile(float(told["sigma_rel"])), int(told["samples"])))
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise DiffusionError(f"{path}: is no snapshot of an average: {error}; move it elsewhere") from error
    return sorted(found, key=lambda one: (one.samples, one.profile.sigma_rel))


def reconstruct(folder: Path, sigma_rel: float, samples: int | None = None) -> dict[str, Tensor]:
    """The average of width ``sigma_rel`` over the first ``samples`` samples (None: up to the newest snapshot), float32.

    Raises:
        DiffusionError: there are no snapshots up to then, or the width is out of range.
    """
    if not 0 < sigma_rel < WIDEST:
        raise DiffusionError(f"EMA width {sigma_rel}: should lie between 0 and {WIDEST:.4f}")
    snapshots = [one for one in find_snapshots(folder) if samples is None or one.samples <= samples]
    if not snapshots:
        raise DiffusionError(f"{folder}: holds no snapshots of averages, so none of width {sigma_rel} can be made")
    end = snapshots[-1].samples if samples is None else samples
    shares, misfit = fit(snapshots, sigma_rel, end)
    if misfit > _NOTABLE_MISFIT:
        log.warning(
            "the EMA of width %g is met to %.0f %% only by %d snapshots; more of them, or a width nearer to theirs, "
            "would do better", sigma_rel, 100 * (1 - misfit), len(snapshots),
        )  # fmt: skip
    return _weighted_sum(snapshots, shares)


def fit(snapshots: Sequence[Snapshot], sigma_rel: float, samples: int) -> tuple[npt.NDArray[np.float64], float]:
    """How much of each snapshot makes the wanted average, [n], summing to 1; and what the fit misses, 0 … 1.

    The shares minimise ∫ (Σ x_i p_i(τ) − p(τ))² dτ; the miss is the root of that over the wanted profile's own norm.
    Their sum is held at 1, so that a weight that never changed stays what it is.
    """
    given = [(one.profile.exponent, one.samples) for one in snapshots]
    wanted = (PowerProfile(sigma_rel).exponent, samples)
    products = np.array([[_inner_product(a, b) for b in given] for a in given])
    targets = np.array([_inner_product(a, wanted) for a in given])
    count = len(given)
    scale = products.max()
    system = np.ones((count + 1, count + 1))
    system[:count, :count] = products / scale
    system[count, count] = 0
    shares = np.linalg.lstsq(system, np.append(targets / scale, 1), rcond=None)[0][:count]
    norm = _inner_product(wanted, wanted)
    missed = max(float(shares @ products @ shares - 2 * shares @ targets) + norm, 0.0)
    return shares, math.sqrt(missed / norm)


def _inner_product(first: tuple[float, int], second: tuple[float, int]) -> float:
    """∫ p q dτ of two profiles (γ, t) of `PowerProfile`, in logarithms: powers such as t^γ would overflow."""
    (gamma, t), (other_gamma, other_t) = first, second
    both = gamma + other_gamma + 1
    logarithm = both * math.log(min(t, other_t)) - (gamma + 1) * math.log(t) - (other_gamma + 1) * math.log(other_t)
    return (gamma + 1) * (other_gamma + 1) / both * math.exp(logarithm)


def _weighted_sum(snapshots: Sequence[Snapshot], shares: npt.NDArray[np.float64]) -> dict[str, Tensor]:
    """One tensor at a time over all files: no more than one average is in memory."""
    with ExitStack() as stack:
        files = [stack.enter_context(safe_open(one.path, "pt")) for one in snapshots]
        names = list(files[0].keys())
        for snapshot, file in zip(snapshots, files, strict=True):
            if set(file.keys()) != set(names):
                raise DiffusionError(f"{snapshot.path}: holds weights of another model than {snapshots[0].path.name}")
        return {
            name: sum(
                (file.get_tensor(name).double() * share for file, share in zip(files, shares.tolist(), strict=True)),
                start=torch.zeros((), dtype=torch.float64),
            ).float()
            for name in names
        }
