"""Videos of one coloured shape that moves, with a caption each: small enough to train on without a GPU.

    python examples/moving_shapes.py shapes --count 432
    curation run    shapes/manifest.csv --output dataset --config examples/moving_shapes.yaml --pipeline shapes
    curation filter dataset --filter shapes --config examples/moving_shapes.yaml
    curation pack   dataset --filter shapes

Every caption names a colour, a shape, a direction and a speed: "a red circle moves left slowly". All of their 144
combinations come equally often; places, sizes and backgrounds are drawn from the seed. Same arguments, same bytes.
"""

from __future__ import annotations

import argparse
import csv
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from curation.video.encoding import write_mp4

COLOURS = {"red": (230, 40, 40), "green": (40, 200, 70), "blue": (60, 90, 240), "yellow": (240, 220, 50)}
SHAPES = ("circle", "square", "triangle")
DIRECTIONS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
# Share of the picture's side that is crossed in the whole video.
SPEEDS = {"slowly": 0.1, "steadily": 0.3, "quickly": 0.6}
# Edges are drawn so many times larger and then averaged.
SMOOTH = 4


@dataclass(frozen=True)
class Video:
    """What a video shows. ``radius`` and ``place`` (of the shape's middle, halfway) as shares of the picture's side."""

    colour: str
    shape: str
    direction: str
    speed: str
    radius: float
    place: tuple[float, float]
    background: int

    @property
    def caption(self) -> str:
        return f"a {self.colour} {self.shape} moves {self.direction} {self.speed}"

    def pictures(self, size: int, count: int) -> Iterator[npt.NDArray[np.uint8]]:
        """RGB uint8 [size, size, 3], at even times."""
        along = DIRECTIONS[self.direction]
        for number in range(count):
            passed = (number / max(1, count - 1) - 0.5) * SPEEDS[self.speed]
            yield self._picture(size, self.place[0] + passed * along[0], self.place[1] + passed * along[1])

    def _picture(self, size: int, across: float, down: float) -> npt.NDArray[np.uint8]:
        large = size * SMOOTH
        image = Image.new("RGB", (large, large), (self.background,) * 3)
        x, y, radius = across * large, down * large, self.radius * large
        draw = ImageDraw.Draw(image)
        box = (x - radius, y - radius, x + radius, y + radius)
        if self.shape == "circle":
            draw.ellipse(box, fill=COLOURS[self.colour])
        elif self.shape == "square":
            draw.rectangle(box, fill=COLOURS[self.colour])
        else:
            corners = [(x, y - radius), (x - radius, y + radius), (x + radius, y + radius)]
            draw.polygon(corners, fill=COLOURS[self.colour])
        return np.asarray(image.resize((size, size), Image.Resampling.BOX))


def videos(count: int, seed: int) -> list[Video]:
    """The first ``count`` of an endless row in which each 144 are all combinations."""
    rng = np.random.default_rng(seed)
    found: list[Video] = []
    while len(found) < count:
        combinations = list(itertools.product(COLOURS, SHAPES, DIRECTIONS, SPEEDS))
        for number in rng.permutation(len(combinations)):
            colour, shape, direction, speed = combinations[number]
            radius = float(rng.uniform(0.11, 0.17))
            # All of the way lies inside of the picture, with a little border.
            room = [0.47 - radius - SPEEDS[speed] / 2 * abs(step) for step in DIRECTIONS[direction]]
            place = tuple(0.5 + float(rng.uniform(-max(0.0, free), max(0.0, free))) for free in room)
            background = int(rng.integers(10, 70))
            found.append(Video(colour, shape, direction, speed, radius, (place[0], place[1]), background))
    return found[:count]


def write(folder: Path, *, count: int, seed: int, size: int, seconds: float, fps: int) -> Path:
    """The videos and ``manifest.csv``, which lists them with their captions."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest = folder / "manifest.csv"
    with manifest.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "caption", "colour", "shape", "direction", "speed"])
        for number, video in enumerate(videos(count, seed)):
            name = f"{number:05d}.mp4"
            write_mp4(
                str(folder / name),
                enumerate(video.pictures(size, round(seconds * fps))),
                (size, size),
                time_base=Fraction(1, fps),
                rate=Fraction(fps),
                gop=fps,
                encoder="libx264",
                options={"crf": "12", "preset": "veryfast"},
            )
            rows.writerow([name, video.caption, video.colour, video.shape, video.direction, video.speed])
    return manifest


def main() -> None:
    """Write the dataset that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where videos and manifest.csv are written")
    parser.add_argument("--count", type=int, default=432, help="videos (432)")
    parser.add_argument("--size", type=int, default=64, help="pixels a side, even (64)")
    parser.add_argument("--seconds", type=float, default=2.5, help="length of a video (2.5)")
    parser.add_argument("--fps", type=int, default=16, help="frames per second (16)")
    parser.add_argument("--seed", type=int, default=0, help="another seed draws other places and sizes (0)")
    options = vars(parser.parse_args())
    print(write(options.pop("folder"), **options))


if __name__ == "__main__":
    main()
