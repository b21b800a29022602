"""What a shard holds of a clip: its media, everything that is known of it, a caption, and vectors on request."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from curation.shards.transcode import PackedMedia

MEDIA, ANNOTATIONS, CAPTION, VECTOR = "mp4", "json", "txt", "npy"
PROVENANCE = "provenance"
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
# Columns of `clips` that are told of the packed media, and those that say where the clip comes from.
MEDIA_FACTS = ("num_frames", "fps", "width", "height", "has_audio")
ORIGIN = (
    "video_id",
    "source",
    "clip_index",
    "start_s",
    "end_s",
    "start_pts",
    "end_pts",
    "time_base",
    "mode",
    "verified",
)


@dataclass(frozen=True)
class Sample:
    """A clip to be packed. ``media``, ``num_bytes``: its file in the dataset; ``annotations``: the content of
    ``key.json``; ``caption``: that of ``key.txt``; ``vectors``: lists of numbers, by column. Picklable."""

    key: str
    media: str
    num_bytes: int
    annotations: Mapping[str, Any]
    caption: str
    vectors: Mapping[str, list[float]] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """How long the clip is."""
        return float(self.annotations["duration_s"])

    def described_as(self, packed: PackedMedia) -> dict[str, Any]:
        """``annotations`` with the facts of other media than the clip's; those of the clip become provenance."""
        facts = {**vars(packed), "has_audio": False}
        clip = {name: self.annotations[name] for name in facts if name in self.annotations}
        provenance = {**self.annotations[PROVENANCE], "clip": clip}
        return {**self.annotations, **facts, PROVENANCE: provenance}


def numbers_of(annotations: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers among the fields of ``key.json``, for the index; truth values are none."""
    return {
        name: value
        for name, value in annotations.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def to_json(values: Mapping[str, Any]) -> bytes:
    """Compact UTF-8; NaN and infinities, which JSON has not, are null; dates are ISO 8601."""
    try:
        return _ENCODER.encode(values).encode()
    except (ValueError, TypeError):
        return _ENCODER.encode(_plain(values)).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    return value.isoformat() if isinstance(value, datetime | date) else str(value)
