"""Which of a clip's captions a sample has: drawn anew each time that the clip is read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

WEIGHTS = "caption_weights"


def weights_of(annotations: Mapping[str, Any], wanted: Mapping[str, float] | None) -> dict[str, float]:
    """How often each of a clip's captions is drawn: those that it has, by column. Other captions' shares go to these in
    proportion. ``annotations``: its ``key.json``; ``wanted``: None for the weights with which it was packed."""
    weights = annotations.get(WEIGHTS) or {} if wanted is None else wanted
    return {name: weight for name, weight in weights.items() if weight > 0 and annotations.get(name)}


def draw_caption(
    annotations: Mapping[str, Any], wanted: Mapping[str, float] | None, number: float
) -> tuple[str, str] | None:
    """Column and text of the caption that ``number``, in [0, 1), draws; None where the clip has none.

    The published mix is 0.5 of the frame's caption (CoCa), 0.25 of the clip's (VideoBLIP) and 0.25 of the language
    model's summary. Source: Stable Video Diffusion, arXiv 2311.15127, appendix C.
    """
    weights = weights_of(annotations, wanted)
    left = number * math.fsum(weights.values())
    chosen = None
    for name, weight in weights.items():
        chosen = name
        left -= weight
        if left < 0:
            break
    return None if chosen is None else (chosen, str(annotations[chosen]))
