"""What cached latents follow from. Training on others than it would compute itself must not happen unseen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.diffusion.data.captions import WEIGHTS
from models.diffusion.data.errors import DataError
from models.diffusion.data.settings import DataSettings

FORMAT = 1
LENGTH = 16


@dataclass(frozen=True)
class Encoders:
    """Identities of the encoders: their names and the hashes of their weights; None where one is not used."""

    autoencoder: str
    text: str | None = None
    image: str | None = None


def told(
    settings: DataSettings, encoders: Encoders, manifest: Mapping[str, Any], manifest_sha256: str
) -> dict[str, Any]:
    """Everything that the cached latents of one folder of shards follow from.

    Raises:
        DataError: these settings want another picture each time that a clip is read, which cannot be cached.
    """
    problem = obstacle(settings)
    if problem is not None:
        raise DataError(problem)
    captions = settings.captions if settings.captions is not None else manifest.get(WEIGHTS) or {}
    return {
        "format": FORMAT,
        "shards": manifest_sha256,
        "autoencoder": encoders.autoencoder,
        "text_encoder": encoders.text,
        "image_encoder": encoders.image,
        "sizes": [list(size) for size in settings.sizes],
        "crop": settings.crop,
        "fps": list(settings.rates),
        "captions": sorted(name for name, weight in captions.items() if weight > 0) if encoders.text else [],
        "precision": settings.latents_precision,
    }


def obstacle(settings: DataSettings) -> str | None:
    """Why latents cannot be cached for these settings, in words; None where they can."""
    if settings.crop != "center":
        return "latents cannot be cached with data.crop: random, as a clip is cut anew each time; set it to center"
    if settings.horizontal_flip:
        return "latents cannot be cached with data.horizontal_flip: true; set it to false"
    return None


def fingerprint(facts: Mapping[str, Any]) -> str:
    """`LENGTH` hex digits over what `told` gives."""
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]


def differences(facts: Mapping[str, Any], others: Mapping[str, Any]) -> str:
    """What differs, in words: "autoencoder: a@1 instead of b@2"."""
    names = [name for name in facts if facts[name] != others.get(name)]
    return "; ".join(f"{name}: {_shown(others.get(name))} instead of {_shown(facts[name])}" for name in names)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
