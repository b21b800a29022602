"""What is drawn for one sample: rate, start, crop, mirror, still or not. A pure function of seed and sample counter."""

from __future__ import annotations

from dataclasses import dataclass

from models.diffusion.data.buckets import grid_points, read_rate
from models.diffusion.data.settings import DataSettings
from models.diffusion.data.shards import Clip
from models.diffusion.randomness import item_generator

PURPOSE = "clip"
# rate, start, still, crop down, crop across, mirror, caption, and one to spare
_NUMBERS = 8


@dataclass(frozen=True)
class Draw:
    """``fps``: frames per second of the sample; ``rate``: which of the settings' rates that is; ``start``: number of
    its first frame among those k / fps; ``is_still``: it is that frame alone; ``crop``: where between the left or top
    (0) and the right or bottom (1) the picture is cut, down and across; ``caption``: draws the caption."""

    rate: int
    fps: float
    start: int
    is_still: bool
    crop: tuple[float, float]
    is_mirrored: bool
    caption: float


def draw(clip: Clip, frames: int, settings: DataSettings, seed: int, index: int) -> Draw:
    """For sample number ``index`` of a clip that has ``frames`` frames at one of the rates at least."""
    numbers = item_generator(seed, index, PURPOSE).random(_NUMBERS)
    is_still = frames == 1 or bool(numbers[2] < settings.image_share)
    points = [int(grid_points(clip.num_frames, clip.fps, rate)) for rate in settings.rates]
    fitting = [number for number, count in enumerate(points) if count >= frames]
    rate = fitting[int(numbers[0] * len(fitting))]
    starts = points[rate] - (1 if is_still else frames) + 1
    return Draw(
        rate,
        float(read_rate(clip.fps, settings.rates[rate])),
        int(numbers[1] * starts),
        is_still,
        (0.5, 0.5) if settings.crop == "center" else (float(numbers[3]), float(numbers[4])),
        settings.horizontal_flip and bool(numbers[5] < 0.5),
        float(numbers[6]),
    )
