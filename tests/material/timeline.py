"""Joins shots into one sequence of frames, and says exactly which frames are mixed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
import numpy.typing as npt

from tests.material.distractors import DISTRACTORS
from tests.material.recipes import Join, Recipe, Shot
from tests.material.sources import (
    REAL_SHOTS,
    STILLS,
    Canvas,
    Frame,
    Render,
    _still,
    camera_move,
    drawn_shot,
    extra_shots,
    real_shot,
    still_shot,
)

COLOURS = {"black": 0, "white": 255}


@dataclass(frozen=True)
class Piece:
    """Frames [start, end) that show one shot (``join`` None) or a transition between two."""

    shot: int
    join: Join | None
    start: int
    end: int


def lay_out(recipe: Recipe, fps: Fraction) -> list[Piece]:
    """Shots and gradual transitions in order, without gaps; a cut has no piece of its own."""
    pieces, position = [], 0
    for number, shot in enumerate(recipe.shots):
        length = max(1, round(shot.seconds * fps))
        pieces.append(Piece(number, None, position, position + length))
        position += length
        if number < len(recipe.joins) and recipe.joins[number].kind != "cut":
            length = max(2, round(recipe.joins[number].seconds * fps))
            pieces.append(Piece(number, recipe.joins[number], position, position + length))
            position += length
    return pieces


def weave(fields: Iterator[Frame]) -> Iterator[Frame]:
    """Interlaced frames, top field first: the even rows of one picture and the odd rows of the next."""
    for top in fields:
        frame = top.copy()
        frame[1::2] = next(fields)[1::2]
        yield frame


def shot_renderer(shot: Shot, canvas: Canvas, length: int, rng: np.random.Generator) -> Render:
    """The shot with its distractors."""
    real = REAL_SHOTS | extra_shots()
    if shot.source in real:
        path, start, end = real[shot.source]
        spare = max(0, end - start - length)
        render = real_shot(path, start, end, canvas, int(rng.integers(spare + 1)))
    elif shot.source in STILLS:
        render = still_shot(shot.source, canvas, rng)
    elif shot.source == "whip":
        render = camera_move(_still(str(rng.choice(STILLS))), canvas, rng, speed=rng.uniform(0.4, 0.9))
    elif shot.source == "drawn":
        render = drawn_shot(canvas, rng)
    else:
        raise ValueError(f"no source is called {shot.source!r}")
    for name in shot.distractors:
        render = DISTRACTORS[name](render, canvas, length, rng)
    return render


def render_frames(recipe: Recipe, pieces: list[Piece], fps: Fraction) -> Iterator[Frame]:
    """Every frame of the pieces in order, RGB uint8 [height, width, 3]."""
    canvas = Canvas(recipe.width, recipe.height, float(fps))
    renderers: dict[int, tuple[Render, int]] = {}

    def frame_of(shot: int, position: int) -> Frame:
        if shot not in renderers:
            own = [piece for piece in pieces if piece.shot == shot or (piece.join and piece.shot == shot - 1)]
            start, end = own[0].start, own[-1].end
            rng = np.random.default_rng([recipe.seed, shot])
            renderers[shot] = (shot_renderer(recipe.shots[shot], canvas, end - start, rng), start)
            renderers.pop(shot - 2, None)
        render, start = renderers[shot]
        return render(position - start)

    for piece in pieces:
        for position in range(piece.start, piece.end):
            if piece.join is None:
                yield frame_of(piece.shot, position)
            else:
                progress = (position - piece.start + 1) / (piece.end - piece.start + 1)
                before, after = frame_of(piece.shot, position), frame_of(piece.shot + 1, position)
                yield mix(before, after, piece.join, progress)


def mix(before: Frame, after: Frame, join: Join, progress: float) -> Frame:
    """One frame of a gradual transition; ``progress`` lies strictly between 0 and 1."""
    if join.kind == "dissolve":
        return cv2.addWeighted(before, 1 - progress, after, progress, 0).astype(np.uint8, copy=False)
    if join.kind == "fade":
        frame = before if progress < 0.5 else after
        weight = max(0.0, abs(2 * progress - 1) - join.hold) / (1 - join.hold)
        colour = COLOURS[join.style]
        return cv2.convertScaleAbs(frame, alpha=weight, beta=colour * (1 - weight)).astype(np.uint8, copy=False)
    if join.kind == "wipe":
        height, width = before.shape[:2]
        edge = 0.02
        share = np.clip((progress * (1 + edge) - _wipe_order(height, width, join.style)) / edge, 0, 1)[..., None]
        return np.rint(before * (1 - share) + after * share).astype(np.uint8)
    raise ValueError(f"{join.kind} is no gradual transition")


def _wipe_order(height: int, width: int, style: str) -> npt.NDArray[np.float32]:
    """When each pixel changes over, 0 … 1."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = x / (width - 1), y / (height - 1)
    order = {
        "right": x,
        "left": 1 - x,
        "down": y,
        "up": 1 - y,
        "diagonal": (x + y) / 2,
        "circle": np.hypot(x - 0.5, y - 0.5) / np.hypot(0.5, 0.5),
    }[style]
    return np.asarray(order, np.float32)
