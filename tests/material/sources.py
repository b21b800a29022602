"""Single shots to join: real ones cut out of videos, camera moves over photographs, and drawn scenes.

A shot is a function from frame number to an RGB frame, uint8 [height, width, 3].
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

Frame = npt.NDArray[np.uint8]
Render = Callable[[int], Frame]

TRAILER = Path(__file__).parents[2] / "examples/videos/big_buck_bunny_trailer.mp4"
BIKES = Path(__file__).parent / "bikes.mp4"
EXTRA_MATERIAL = "CURATION_EXTRA_MATERIAL"
EXTRA_FRAMES = 200

REAL_SIZE = (480, 270)

# Spans of frames that hold one shot, a few frames away from every cut and fade.
REAL_SHOTS: dict[str, tuple[Path, int, int]] = {
    "logo": (TRAILER, 40, 125),
    "bird": (TRAILER, 264, 316),
    "cave": (TRAILER, 400, 590),
    "bunny": (TRAILER, 595, 740),
    "rodents": (TRAILER, 800, 862),
    "run": (TRAILER, 866, 899),
    "tree": (TRAILER, 902, 987),
    "lawn": (TRAILER, 990, 1048),
    "laugh": (TRAILER, 1051, 1100),
    "revenge": (TRAILER, 1150, 1212),
    "taxi": (BIKES, 31, 75),
    "bus": (BIKES, 77, 136),
    "railing": (BIKES, 138, 186),
    "bicycle": (BIKES, 188, 241),
}
STILLS = (
    "astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png", "coins.png", "grass.png", "gravel.png",
    "hubble_deep_field.jpg", "ihc.png", "moon.png", "motorcycle_left.png", "page.png", "retina.jpg", "rocket.jpg",
)  # fmt: skip


@dataclass(frozen=True)
class Canvas:
    """Size in pixels and rate in frames per second of what is drawn."""

    width: int
    height: int
    fps: float


@lru_cache(maxsize=1)
def extra_shots() -> dict[str, tuple[Path, int, int]]:
    """The middle 200 frames of each file of the directory $CURATION_EXTRA_MATERIAL, which must be one shot (held-out
    material); {} where the variable is not set."""
    directory = os.environ.get(EXTRA_MATERIAL)
    if not directory:
        return {}
    shots = {}
    for path in sorted(Path(directory).iterdir()):
        with av.open(str(path)) as container:
            frames = sum(1 for _ in container.decode(video=0))
        start = max(0, (frames - EXTRA_FRAMES) // 2)
        shots[path.name] = (path, start, min(frames, start + EXTRA_FRAMES))
    return shots


@lru_cache(maxsize=24)
def _decoded(path: Path) -> dict[tuple[int, int], list[Frame]]:
    """Frames of all shots of one file, planar YUV 4:2:0 at REAL_SIZE, from one decode: by (first frame, end)."""
    spans = [(start, end) for file, start, end in (REAL_SHOTS | extra_shots()).values() if file == path]
    shots: dict[tuple[int, int], list[Frame]] = {span: [] for span in spans}
    last = max(end for _, end in spans)
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number >= last:
                break
            for start, end in spans:
                if start <= number < end:
                    shots[start, end].append(frame.reformat(*REAL_SIZE, "yuv420p").to_ndarray())
    return shots


def real_shot(path: Path, start: int, end: int, canvas: Canvas, offset: int) -> Render:
    """Frames start … end of a file, from ``start + offset`` on; played to and fro when more are asked for."""
    frames = _decoded(path)[start, end]
    period = 2 * (len(frames) - 1)

    def render(number: int) -> Frame:
        position = (number + offset) % period
        frame = cv2.cvtColor(frames[min(position, period - position)], cv2.COLOR_YUV2RGB_I420)
        return cv2.resize(frame, (canvas.width, canvas.height)).astype(np.uint8, copy=False)

    return render


@lru_cache(maxsize=32)
def _still(name: str) -> Frame:
    import skimage

    path = Path(skimage.__file__).parent / "data" / name
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise FileNotFoundError(f"{path}: scikit-image no longer ships this picture")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


def camera_move(image: Frame, canvas: Canvas, rng: np.random.Generator, speed: float) -> Render:
    """Pan and zoom over a still picture; ``speed`` in picture widths per second (0.02 calm, 0.5 a whip pan)."""
    height, width = image.shape[:2]
    aspect = canvas.width / canvas.height
    widest = min(width, height * aspect)
    zoom = rng.uniform(0.5, 0.85)
    zoom_rate = rng.uniform(-0.06, 0.06)
    angle = rng.uniform(0, 2 * np.pi)
    phase = rng.uniform(0, 2 * np.pi)

    def render(number: int) -> Frame:
        seconds = number / canvas.fps
        view_width = widest * float(np.clip(zoom + zoom_rate * seconds, 0.4, 0.95))
        view_height = view_width / aspect
        reach = 2 * np.arcsin(np.sin(phase + speed * seconds * np.pi)) / np.pi
        x = (width - view_width) * (0.5 + 0.5 * reach * np.cos(angle))
        y = (height - view_height) * (0.5 + 0.5 * reach * np.sin(angle))
        scale = view_width / canvas.width
        matrix = np.array([[scale, 0, x], [0, scale, y]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(
            image, matrix, (canvas.width, canvas.height), flags=flags, borderMode=cv2.BORDER_REFLECT
        ).astype(np.uint8, copy=False)

    return render


def still_shot(name: str, canvas: Canvas, rng: np.random.Generator) -> Render:
    """A camera move over one of the photographs of scikit-image."""
    return camera_move(_still(name), canvas, rng, speed=rng.choice([0.02, 0.05, 0.1, 0.2]))


def drawn_shot(canvas: Canvas, rng: np.random.Generator) -> Render:
    """A textured background under a slow camera, with shapes that move in front of it."""
    size = 640
    background = np.zeros((size, size, 3), np.float32)
    for cells, weight in ((4, 50.0), (16, 25.0), (64, 10.0)):
        light = rng.standard_normal((cells, cells, 1))
        noise = (light + 0.3 * rng.standard_normal((cells, cells, 3))).astype(np.float32)
        background += weight * cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC)
    image = np.clip(background + rng.uniform(50, 200, 3), 0, 255).astype(np.uint8)
    behind = camera_move(image, canvas, rng, speed=rng.uniform(0.01, 0.1))
    shapes = [
        (rng.uniform(0, 1, 2), rng.uniform(-0.2, 0.2, 2), rng.uniform(0.05, 0.2), rng.uniform(0, 255, 3).tolist())
        for _ in range(rng.integers(2, 7))
    ]

    def render(number: int) -> Frame:
        frame = behind(number).copy()
        for start, velocity, radius, colour in shapes:
            x, y = 1 - np.abs(1 - (start + velocity * number / canvas.fps) % 2)
            centre = (int(x * canvas.width), int(y * canvas.height))
            cv2.circle(frame, centre, int(radius * canvas.height), colour, -1, cv2.LINE_AA)
        return frame

    return render
