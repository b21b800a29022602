"""Sampled frames as bytes, for the way from one actor to the next."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from safetensors.numpy import load, save

from curation.video.sampling import Frames

_SEPARATOR = ","


def pack(frames: Mapping[str, Frames]) -> bytes:
    """Arrays by name as one safetensors buffer. An array that several names share is written once."""
    names: dict[int, list[str]] = {}
    arrays: dict[int, Frames] = {}
    for name, array in frames.items():
        if _SEPARATOR in name:
            raise ValueError(f"the name {name!r} holds {_SEPARATOR!r}")
        names.setdefault(id(array), []).append(name)
        arrays[id(array)] = array
    return save({_SEPARATOR.join(names[key]): np.ascontiguousarray(array) for key, array in arrays.items()})


def unpack(packed: bytes) -> dict[str, Frames]:
    """What `pack` was given; names that shared an array share it again."""
    return {name: array for joined, array in load(packed).items() for name in joined.split(_SEPARATOR)}
