"""What stands in for a merged caption that cannot be used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

FallbackRule = Literal["longest", "videoblip", "coca", "vlm", "none"]


def fallback_caption(rule: FallbackRule, captions: Mapping[str, str]) -> str | None:
    """The caption that ``rule`` names; where the clip has not got it, the longest of those there.

    ``captions``: those of the clip by name, at least one; of equally long ones the first is taken.
    """
    if rule == "none":
        return None
    return captions.get(rule) or max(captions.values(), key=len)
