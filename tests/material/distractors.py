"""What happens within a shot and is no transition: objects passing, gestures, shake, flashes, light, noise, focus."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from tests.material.sources import Canvas, Frame, Render

Distractor = Callable[[Render, Canvas, int, np.random.Generator], Render]


def passing_object(shot: Render, canvas: Canvas, length: int, rng: np.random.Generator) -> Render:
    """A large textured body crosses the picture in 0.4 to 1 s, in the middle of the shot."""
    height, width = canvas.height, canvas.width
    body_width = int(width * rng.uniform(0.3, 0.8))
    top = int(height * rng.uniform(0, 0.4))
    coarse = rng.integers(20, 230, (6, 8, 3), dtype=np.uint8)
    body = cv2.resize(coarse, (body_width, height - top), interpolation=cv2.INTER_CUBIC)
    frames = max(3, round(canvas.fps * rng.uniform(0.4, 1.0)))
    first = (length - frames) // 2
    forwards = bool(rng.integers(2))

    def render(number: int) -> Frame:
        frame = shot(number)
        progress = (number - first + 1) / (frames + 1)
        if not 0 < progress < 1:
            return frame
        left = round((progress if forwards else 1 - progress) * (width + body_width)) - body_width
        lo, hi = max(0, left), min(width, left + body_width)
        frame = frame.copy()
        frame[top:, lo:hi] = body[:, lo - left : hi - left]
        return frame

    return render


def gesture(shot: Render, canvas: Canvas, length: int, rng: np.random.Generator) -> Render:
    """An arm swings across the front at 1 to 3 Hz for the whole shot."""
    rate, phase = rng.uniform(1, 3), rng.uniform(0, 2 * np.pi)
    pivot = (int(canvas.width * rng.uniform(0.2, 0.8)), canvas.height)
    reach = canvas.height * rng.uniform(0.6, 1.0)
    colour = rng.uniform(40, 230, 3).tolist()
    thickness = max(4, canvas.height // 7)

    def render(number: int) -> Frame:
        frame = shot(number).copy()
        angle = 1.1 * np.sin(2 * np.pi * rate * number / canvas.fps + phase)
        hand = (int(pivot[0] + reach * np.sin(angle)), int(pivot[1] - reach * np.cos(angle)))
        cv2.line(frame, pivot, hand, colour, thickness, cv2.LINE_AA)
        cv2.circle(frame, hand, thickness, colour, -1, cv2.LINE_AA)
        return frame

    return render


def handheld(shot: Render, canvas: Canvas, length: int, rng: np.random.Generator) -> Render:
    """The camera shakes: a smooth random walk of up to about 4 % of the height."""
    steps = rng.standard_normal((2, length + 32))
    kernel = np.hanning(max(5, round(canvas.fps / 5)))
    path = np.array([np.convolve(axis, kernel / np.sqrt((kernel**2).sum()), "same") for axis in steps])
    path *= 0.012 * canvas.height

    def render(number: int) -> Frame:
        matrix = np.array([[1, 0, path[0, number]], [0, 1, path[1, number]]])
        size = (canvas.width, canvas.height)
        return cv2.warpAffine(shot(number), matrix, size, borderMode=cv2.BORDER_REFLECT).astype(np.uint8, copy=False)

    return render


def grain(shot: Render, canvas: Canvas, length: int, rng: np.random.Generator) -> Render:
    """Sensor noise, sigma 3 to 7 levels."""
    noise = (rng.standard_normal((canvas.height * 2, canvas.width, 1)) * rng.uniform(3, 7)).astype(np.int16)
    shifts = rng.integers(0, (canvas.height, canvas.width), (length + 32, 2))

    def render(number: int) -> Frame:
        down, right = shifts[number]
        tile = np.roll(noise[down : down + canvas.height], right, axis=1)
        return np.clip(shot(number).astype(np.int16) + tile, 0, 255).astype(np.uint8)

    return render


def darkness(shot: Render, canvas: Canvas, length: int, rng: np.random.Generator) -> Render:
    """A scene at night: 15 to 30 % of the light, with grain."""
    light = rng.uniform(0.15, 0.3)
    return grain(lambda number: cv2.convertScaleAbs(shot(number), alpha=light), canvas, length, rng)


def flash(shot: Render, canvas: Canvas, length: int, rng: np.random.Generator) -> Render:
    """A camera flashes once or twice in the middle of the shot, for 1 to 3 frames."""
    flashes: dict[int, float] = {}
    for start in rng.integers(length * 2 // 5, length * 3 // 5 + 1, rng.integers(1, 3)):
        for step in range(rng.integers(1, 4)):
            flashes[int(start) + step] = 0.75 * 0.6**step

    def render(number: int) -> Frame:
        frame = shot(number)
        strength = flashes.get(number)
        if strength is None:
            return frame
        return cv2.convertScaleAbs(frame, alpha=1 - strength, beta=255 * strength).astype(np.uint8, copy=False)

    return render


def exposure(shot: Render, canvas: Canvas, length: int, rng: np.random.Generator) -> Render:
    """The camera adapts: light falls to 60 % and comes back within the shot."""
    middle, width = length / 2, max(1.0, canvas.fps * rng.uniform(0.3, 0.8))

    def render(number: int) -> Frame:
        light = 1 - 0.4 * np.exp(-(((number - middle) / width) ** 2))
        return cv2.convertScaleAbs(shot(number), alpha=float(light)).astype(np.uint8, copy=False)

    return render


def focus(shot: Render, canvas: Canvas, length: int, rng: np.random.Generator) -> Render:
    """The lens hunts: the picture goes soft in the middle of the shot and sharp again."""
    middle, width = length / 2, max(1.0, canvas.fps * rng.uniform(0.3, 0.8))

    def render(number: int) -> Frame:
        sigma = canvas.height / 45 * np.exp(-(((number - middle) / width) ** 2))
        if sigma < 0.3:
            return shot(number)
        return cv2.GaussianBlur(shot(number), (0, 0), sigma).astype(np.uint8, copy=False)

    return render


DISTRACTORS: dict[str, Distractor] = {
    distractor.__name__: distractor
    for distractor in (passing_object, gesture, handheld, grain, darkness, flash, exposure, focus)
}
