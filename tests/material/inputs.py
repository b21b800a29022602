"""What `broken`, `hostile` and `odd` share: an input, the outcome that is expected of it, and sound videos."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np

from tests.material.builder import intended_frames
from tests.material.encode import write_video
from tests.material.recipes import Encoding, Join, Recipe, Shot
from tests.material.sets import H264_SHORT

Outcome = Literal["ok", "failed", "either"]
Maker = Callable[[Path], Path]

SAMPLE = Recipe("sample", 5, H264_SHORT, (Shot("bicycle", 2.4), Shot("taxi", 2.4)), (Join("cut"),), "25", 192, 108)


@dataclass(frozen=True)
class Input:
    """``path``: the file. ``outcome``: the `status` that its row must have; "either" where the damage may be survived.
    ``why``: what is wrong or unusual."""

    name: str
    path: Path
    outcome: Outcome
    why: str


def write_sample(
    path: Path,
    encoding: Encoding = H264_SHORT,
    *,
    seconds: float = 4.8,
    fps: Fraction = Fraction(25),
    start_pts: int = 0,
    time_base: Fraction | None = None,
    muxer_options: dict[str, str] | None = None,
) -> Path:
    """Write the first ``seconds`` of the sample (192 x 108; a hard cut at frame 60), in the container of the suffix.

    ``start_pts``: time stamp of the first frame in units of ``time_base`` (default: 1 / ``fps``).
    """
    time_base = time_base or 1 / fps
    count = max(1, round(seconds * fps))
    frames = [frame for _, frame in zip(range(count), intended_frames(SAMPLE), strict=False)]
    pts = [start_pts + round(number / fps / time_base) for number in range(len(frames))]
    size = (SAMPLE.width, SAMPLE.height)
    write_video(path, frames, pts, time_base, fps, size, encoding, muxer_options)
    return path


def write_flat(path: Path, width: int, height: int, *, frames: int, fps: int, encoding: Encoding = H264_SHORT) -> Path:
    """A video of any size: a gradient that moves to the right."""
    ramp = (120 * np.abs(np.linspace(-1, 1, width))).astype(np.uint8)
    pictures = (
        np.broadcast_to(np.roll(ramp, 2 * number)[None, :, None], (height, width, 3)).copy() for number in range(frames)
    )
    write_video(path, pictures, range(frames), Fraction(1, fps), Fraction(fps), (width, height), encoding)
    return path


def collect(makers: dict[Maker, tuple[Outcome, str]], directory: Path) -> list[Input]:
    """Run each maker in a directory of its own name below ``directory``."""
    inputs = []
    for maker, (outcome, why) in makers.items():
        place = directory / maker.__name__
        place.mkdir(parents=True, exist_ok=True)
        inputs.append(Input(maker.__name__, maker(place), outcome, why))
    return inputs
