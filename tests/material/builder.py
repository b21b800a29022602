"""Builds joined videos, and keeps them: a recipe that was built before is not built again."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from filelock import FileLock

from tests.material.encode import read_pts, write_video
from tests.material.recipes import Recipe
from tests.material.sources import Frame, extra_shots
from tests.material.timeline import Piece, lay_out, render_frames, weave
from tests.material.truth import Joined, ShotSpan, Truth

VFR_TIME_BASE = Fraction(1, 90000)


def build(recipe: Recipe, directory: Path, *, waits: bool = True) -> Joined:
    """The video of a recipe below ``directory`` (created), built unless it is there already.

    Raises:
        ValueError: the file does not hold the frames that were written; the generator is wrong.
        filelock.Timeout: another process builds it, and this one should not wait.
    """
    directory.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256(f"{recipe!r}{_code_version()}{sorted(extra_shots().items())}".encode()).hexdigest()[:12]
    path = directory / f"{recipe.name}-{key}{recipe.encoding.suffix}"
    facts = path.with_name(path.name + ".json")
    if facts.exists():
        return Joined.load(facts)
    with FileLock(path.with_name(f".{path.name}.lock"), blocking=waits):
        if facts.exists():
            return Joined.load(facts)
        unfinished = path.with_name(f"unfinished-{path.name}")
        joined = replace(_build(recipe, unfinished), path=path)
        unfinished.replace(path)
        joined.save(unfinished)
        unfinished.replace(facts)
        return joined


def intended_frames(recipe: Recipe) -> Iterator[Frame]:
    """The RGB frames that `build` gives to the encoder, uint8 [height, width, 3] each."""
    fps = Fraction(recipe.fps)
    pieces = lay_out(recipe, fps)
    if recipe.encoding.interlaced:
        doubled = [Piece(piece.shot, piece.join, 2 * piece.start, 2 * piece.end) for piece in pieces]
        frames = weave(render_frames(recipe, doubled, 2 * fps))
    else:
        frames = render_frames(recipe, pieces, fps)
    kept = set(_kept_frames(recipe, pieces))
    return (frame for number, frame in enumerate(frames) if number in kept)


def _build(recipe: Recipe, path: Path) -> Joined:
    fps = Fraction(recipe.fps)
    pieces = lay_out(recipe, fps)
    kept = _kept_frames(recipe, pieces)
    time_base = VFR_TIME_BASE if recipe.encoding.vfr else 1 / fps
    wanted = _time_stamps(recipe, kept, fps)
    write_video(path, intended_frames(recipe), wanted, time_base, fps, (recipe.width, recipe.height), recipe.encoding)
    pts, end_pts, time_base = read_pts(path)
    if len(pts) != len(kept) or sorted(set(pts)) != pts:
        raise ValueError(f"{path}: {len(kept)} frames written, {len(pts)} read back, or out of order")
    stamps = [*pts, end_pts]
    truth, shots = [], []
    for number, piece in enumerate(pieces):
        start, end = bisect_left(kept, piece.start), bisect_left(kept, piece.end)
        span = (start, end, stamps[start], stamps[end])
        if piece.join is not None:
            truth.append(Truth(piece.join.kind, piece.join.style, *span))
            continue
        shots.append(ShotSpan(recipe.shots[piece.shot].source, *span))
        if number and pieces[number - 1].join is None:
            truth.append(Truth("cut", "", start, start, stamps[start], stamps[start]))
    return Joined(
        name=recipe.name,
        path=path,
        encoding=recipe.encoding.name,
        fps=float(fps),
        frames=len(pts),
        time_base=time_base,
        pts=tuple(pts),
        end_pts=end_pts,
        truth=tuple(truth),
        shots=tuple(shots),
    )


def _kept_frames(recipe: Recipe, pieces: list[Piece]) -> list[int]:
    """All frames, or, for variable frame rate, those that are left when some stretches run at half the rate and
    single frames are missing."""
    total = pieces[-1].end
    if not recipe.encoding.vfr:
        return list(range(total))
    rng = np.random.default_rng([recipe.seed, 999])
    kept, half = [], False
    for number in range(total):
        if number % 20 == 0:
            half = bool(rng.random() < 0.3)
        dropped = (half and number % 2) or rng.random() < 0.08
        if number == 0 or not dropped:
            kept.append(number)
    return kept


def _time_stamps(recipe: Recipe, kept: list[int], fps: Fraction) -> list[int]:
    if not recipe.encoding.vfr:
        return kept
    step = float(1 / fps / VFR_TIME_BASE)
    jitter = np.random.default_rng([recipe.seed, 998]).uniform(-0.2, 0.2, len(kept))
    jitter[0] = 0
    return [round((number + shift) * step) for number, shift in zip(kept, jitter, strict=True)]


def _code_version() -> str:
    """Changes whenever code that makes videos does, so that a kept video never stems from older code."""
    digest = hashlib.sha256()
    for name in ("builder", "distractors", "encode", "recipes", "sources", "timeline", "tone", "truth"):
        digest.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    return digest.hexdigest()
