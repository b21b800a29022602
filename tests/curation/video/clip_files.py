"""Small clips for the tests of frame sampling and of annotators."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from curation.video.reader import decode_frames, open_video
from tests.material.encode import write_video
from tests.material.recipes import Encoding

H264 = Encoding("h264", ".mp4", "libx264", options={"crf": "12", "preset": "ultrafast"})

Picture = npt.NDArray[np.uint8]


def write_clip(
    path: Path,
    pictures: Sequence[Picture],
    fps: Fraction | int = 24,
    *,
    seconds: Sequence[Fraction] | None = None,
    encoding: Encoding = H264,
) -> Path:
    """Encode RGB pictures at ``fps``, or at the given times."""
    fps = Fraction(fps)
    time_base = Fraction(1, 90000) if seconds else 1 / fps
    pts = [round(at / time_base) for at in seconds] if seconds else list(range(len(pictures)))
    height, width = pictures[0].shape[:2]
    write_video(path, pictures, pts, time_base, fps, (width, height), encoding)
    return path


def numbered(count: int, width: int = 64, height: int = 48) -> list[Picture]:
    """Flat grey pictures, each 4 levels lighter than the one before, so that a frame tells its number."""
    return [np.full((height, width, 3), 16 + 4 * number, np.uint8) for number in range(count)]


def numbers_of(frames: Picture) -> list[int]:
    """Which of the `numbered` pictures these frames are."""
    return [round((float(frame.mean()) - 16) / 4) for frame in frames]


def decoded_frames(path: Path, chosen: Sequence[int]) -> dict[int, av.VideoFrame]:
    """Decoded frames of a file by their number in display order."""
    with open_video(path) as (container, stream):
        wanted = set(chosen)
        found = {}
        for number, frame in enumerate(decode_frames(container, stream)):
            if number in wanted:
                found[number] = frame
            if len(found) == len(wanted):
                break
        return found
