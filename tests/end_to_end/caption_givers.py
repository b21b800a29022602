"""Captions that tell the clips of a dataset apart, without a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from curation.stage import Annotator, ClipSample


class CaptionGivers(Annotator):
    """``caption_coca`` and ``caption_videoblip`` with the number of the clip in them."""

    name = "givers"
    reads = ("clip_index",)
    writes = {"caption_coca": pa.string(), "caption_videoblip": pa.string()}  # noqa: RUF012

    def annotate(self, clips: Sequence[ClipSample]) -> list[dict[str, Any]]:
        return [
            {
                "caption_coca": f"a street, clip{clip.values['clip_index']}.",
                "caption_videoblip": "a man rides a bicycle",
            }
            for clip in clips
        ]
