"""What is known about a generated video: its frames, its shots, its transitions."""

from __future__ import annotations

import json
from bisect import bisect_left
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

TruthKind = Literal["cut", "dissolve", "fade", "wipe"]


@dataclass(frozen=True)
class Truth:
    """A transition: frames [start_frame, end_frame) show both shots, or a colour; a cut has none of them.

    ``start_pts`` is the PTS of frame ``start_frame``, ``end_pts`` that of ``end_frame``.
    ``style``: the colour of a fade, the direction of a wipe, else "".
    """

    kind: TruthKind
    style: str
    start_frame: int
    end_frame: int
    start_pts: int
    end_pts: int


@dataclass(frozen=True)
class ShotSpan:
    """Frames [start_frame, end_frame) that show one shot and nothing else; times as in `Truth`."""

    source: str
    start_frame: int
    end_frame: int
    start_pts: int
    end_pts: int


@dataclass(frozen=True)
class Joined:
    """A generated video file and its truth.

    ``pts``: the time stamps of the ``frames`` frames in units of ``time_base``; ``end_pts``: where the last one ends.
    ``encoding``: name of the container-and-codec combination.
    """

    name: str
    path: Path
    encoding: str
    fps: float
    frames: int
    time_base: Fraction
    pts: tuple[int, ...]
    end_pts: int
    truth: tuple[Truth, ...]
    shots: tuple[ShotSpan, ...]

    def frame_at(self, pts: int) -> int:
        """Number of the first frame at or after ``pts`` (``frames`` when there is none)."""
        return bisect_left(self.pts, pts)

    def save(self, path: Path) -> None:
        """Write everything but the video to a JSON file."""
        fields = asdict(self) | {"path": self.path.name, "time_base": str(self.time_base)}
        path.write_text(json.dumps(fields), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Joined:
        """Read what `save` wrote; the video lies beside the JSON file."""
        fields = json.loads(path.read_text(encoding="utf-8"))
        fields["path"] = path.parent / fields["path"]
        fields["time_base"] = Fraction(fields["time_base"])
        fields["pts"] = tuple(fields["pts"])
        fields["truth"] = tuple(Truth(**truth) for truth in fields["truth"])
        fields["shots"] = tuple(ShotSpan(**shot) for shot in fields["shots"])
        return cls(**fields)
