"""A splitter that cannot write one of the clips that it planned."""

from __future__ import annotations

import os
from collections.abc import Iterable

from curation.video.types import SourceVideo, WrittenClip
from tests.curation.engine.stages import Whole


class LeavesOut(Whole):
    """Of the three clips of ``of`` the last is left out, unless the file ``cured`` is there."""

    class Config(Whole.Config):
        of: str = "a.mp4"
        cured: str = ""

    config: Config

    def split(self, video: SourceVideo) -> Iterable[WrittenClip]:
        for clip in super().split(video):
            if clip.clip_index == 2 and self.config.of in video.source and not os.path.exists(self.config.cured):
                video.left_out.append("cannot encode the clip: Cannot allocate memory")
            else:
                yield clip
