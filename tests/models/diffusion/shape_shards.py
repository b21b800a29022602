"""Shards of a square that moves over a plain ground: a colour, a direction and a speed each, and the caption
says which."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curation.dataset.storage import Storage
from curation.shards.manifest import manifest_of, publish
from curation.shards.record import KEY, SHARD, Shard
from curation.shards.tar import TarWriter
from curation.video.encoding import write_mp4

FPS, SIDE = 8, 16
WEIGHTS = {"caption": 1.0}
COLOURS = {"red": (250, 90, 90), "blue": (90, 130, 250), "green": (90, 250, 110), "white": (245, 245, 245)}
DIRECTIONS = {"right": (1, 0), "left": (-1, 0), "down": (0, 1), "up": (0, -1)}


@dataclass(frozen=True)
class Shape:
    """``speed``: pixels per frame; also the clip's motion score, in the same unit. ``ground``: brightness behind it."""

    colour: str
    direction: str
    speed: float
    ground: int = 20

    @property
    def caption(self) -> str:
        return f"a {self.colour} square moves {self.direction}"

    def frames(self, count: int, side: int = SIDE) -> npt.NDArray[np.uint8]:
        """RGB (count, side, side, 3); what leaves on one side comes back on the other."""
        pictures = np.full((count, side, side, 3), self.ground, np.uint8)
        across, along = DIRECTIONS[self.direction]
        size = side // 3
        for number, picture in enumerate(pictures):
            left = round(side / 3 + across * self.speed * number)
            top = round(side / 3 + along * self.speed * number)
            rows, columns = (np.arange(top, top + size) % side), (np.arange(left, left + size) % side)
            picture[np.ix_(rows, columns)] = COLOURS[self.colour]
        return pictures


def some_shapes(speeds: Sequence[float] = (0.0, 0.7, 1.5)) -> list[Shape]:
    return [Shape(*one) for one in itertools.product(COLOURS, DIRECTIONS, speeds)]


def write_shards(folder: Path, shapes: Sequence[Shape], *, frames: int = 8, side: int = SIDE) -> Path:
    """A folder of one shard as `curation pack` writes it."""
    storage = Storage(str(folder))
    rows: list[dict[str, Any]] = []
    stream = io.BytesIO()
    with TarWriter(stream) as tar:
        for number, shape in enumerate(shapes):
            key = f"{number:032x}"
            told = {"motion_score": shape.speed, "caption": shape.caption, "caption_weights": WEIGHTS}
            members = {
                "mp4": _mp4(shape.frames(frames, side)),
                "json": json.dumps({"fps": FPS, "num_frames": frames, **told}).encode(),
                "txt": shape.caption.encode(),
            }
            row: dict[str, Any] = {KEY: key, SHARD: "000000.tar", "motion_score": shape.speed}
            row |= {"num_frames": frames, "fps": float(FPS), "width": side, "height": side, "duration_s": frames / FPS}
            for name, data in members.items():
                row |= {f"{name}_offset": tar.add(f"{key}.{name}", data), f"{name}_size": len(data)}
            rows.append(row)
    storage.write_bytes("000000.tar", stream.getvalue())
    shard = Shard("000000.tar", len(rows), tar.num_bytes, tar.sha256, len(rows) * frames / FPS, 0, "0" * 32)
    publish(
        storage,
        manifest_of({"filter": "shapes", "caption_weights": WEIGHTS}, [shard], []),
        [pa.Table.from_pylist(rows)],
    )
    return folder


def _mp4(pictures: npt.NDArray[np.uint8]) -> bytes:
    target = io.BytesIO()
    write_mp4(
        target,
        enumerate(pictures),
        (pictures.shape[2], pictures.shape[1]),
        time_base=Fraction(1, FPS),
        rate=Fraction(FPS),
        gop=4,
        encoder="libx264",
        options={"crf": "12", "preset": "veryfast"},
    )
    return target.getvalue()
