"""Recipes of joined videos: which shots, joined how, encoded how."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tests.material.truth import TruthKind


@dataclass(frozen=True)
class Shot:
    """``source``: a key of `REAL_SHOTS`, a file name of `STILLS`, "drawn", or "whip" (a still under a fast pan).

    ``seconds`` shows this shot alone; frames that a gradual transition needs come on top.
    """

    source: str
    seconds: float
    distractors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Join:
    """``seconds``: length of a gradual transition. ``style``: "black" | "white" for a fade; "left", "right", "up",
    "down", "diagonal" or "circle" for a wipe. ``hold``: share of a fade that shows the colour alone."""

    kind: TruthKind
    seconds: float = 0.0
    style: str = ""
    hold: float = 0.0


@dataclass(frozen=True)
class Encoding:
    """A container and a codec. ``options`` go to the encoder; ``vfr`` gives irregular time stamps."""

    name: str
    suffix: str
    codec: str
    pixel_format: str = "yuv420p"
    options: dict[str, str] = field(default_factory=dict)
    gop: int | None = None
    b_frames: int | None = None
    vfr: bool = False
    rotation: Literal[0, 90, 180, 270] = 0
    interlaced: bool = False
    audio_codec: str | None = None


@dataclass(frozen=True)
class Recipe:
    """A whole video. ``fps``: a fraction as text, such as "24000/1001"."""

    name: str
    seed: int
    encoding: Encoding
    shots: tuple[Shot, ...]
    joins: tuple[Join, ...]
    fps: str = "24"
    width: int = 320
    height: int = 180

    def __post_init__(self) -> None:
        if len(self.joins) != len(self.shots) - 1:
            raise ValueError(f"{self.name}: {len(self.shots)} shots need {len(self.shots) - 1} joins")
