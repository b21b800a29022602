"""Which of a clip's captions is used: drawn by weights, when a sample is packed and each time that it is read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from curation.errors import UserError
from curation.suggestions import did_you_mean

WEIGHTS = "caption_weights"
# Stable Video Diffusion (arXiv 2311.15127, appendix C).
PAPER_WEIGHTS = {"caption_coca": 0.5, "caption_videoblip": 0.25, "caption_llm": 0.25}


class Random(Protocol):
    """``random.Random`` and ``numpy.random.Generator`` are such."""

    def random(self) -> float:
        """A number in [0, 1)."""


def choose_caption(sample: Mapping[str, Any], rng: Random, weights: Mapping[str, float] | None = None) -> str:
    """One of the captions of a sample, drawn by ``weights``; empty where it has none.

    ``sample``: the content of ``key.json``. ``weights``: by column; those of captions that the clip lacks go to the
    others in proportion. None: the weights with which the sample was packed. Draws one number from ``rng``.

    >>> choose_caption(sample["json"], random.Random(step), {"caption_llm": 1.0})
    """
    number = rng.random()
    weights = sample.get(WEIGHTS) or {} if weights is None else weights
    there = [(str(sample[name]), weight) for name, weight in weights.items() if weight > 0 and sample.get(name)]
    left = number * math.fsum(weight for _, weight in there)
    for caption, weight in there:
        left -= weight
        if left < 0:
            return caption
    return there[-1][0] if there else ""


def default_weights(columns: Iterable[str]) -> dict[str, float]:
    """For a dataset with these caption columns: the paper's where it has one of its captions, else all alike."""
    names = sorted(columns)
    if PAPER_WEIGHTS.keys() & set(names):
        return {name: weight for name, weight in PAPER_WEIGHTS.items() if name in names}
    return dict.fromkeys(names, 1.0)


def parse_weights(text: str, columns: Iterable[str]) -> dict[str, float]:
    """``"caption_coca=0.5,caption_llm=0.5"`` → weights by column.

    Raises:
        UserError: it is not written like that, or the dataset has no such caption.
    """
    known, found = set(columns), {}
    for item in text.split(","):
        name, _, value = (part.strip() for part in item.partition("="))
        if name not in known:
            raise UserError(f'--captions {text}: the dataset has no caption "{name}"{did_you_mean(name, known)}')
        try:
            found[name] = float(value)
        except ValueError:
            found[name] = math.nan
        if not 0 <= found[name] < math.inf:
            raise UserError(f"--captions {text}: write it as caption_coca=0.5,caption_llm=0.5")
    return found
