"""Small stages with which the engine's tests provoke what can go wrong."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from curation.errors import DiskFullError, ItemError
from curation.stage import Annotator, ClipSample, Splitter, StageConfig
from curation.video.clip_frames import decode_clip
from curation.video.sampling import FrameRequest
from curation.video.types import SourceVideo, WrittenClip


class Whole(Splitter):
    """The whole source as each of ``copies`` clips."""

    name = "whole"
    provides = ("clips",)

    class Config(StageConfig):
        copies: int = 3
        die_on: str = ""
        fail_on: str = ""

    config: Config

    def split(self, video: SourceVideo) -> Iterable[WrittenClip]:
        info = video.info
        assert info is not None
        if self.config.die_on and self.config.die_on in video.source:
            os.kill(os.getpid(), signal.SIGKILL)
        for index in range(self.config.copies):
            if index == 1 and self.config.fail_on and self.config.fail_on in video.source:
                raise ItemError("the second clip cannot be written")
            path = video.workdir / f"{index}.mp4"
            shutil.copy(video.path, path)
            yield WrittenClip(
                clip_index=index,
                path=path,
                start_pts=index,
                end_pts=index + 1,
                time_base=info.time_base,
                num_frames=info.num_frames,
                fps=info.fps,
                width=info.width,
                height=info.height,
                has_audio=info.has_audio,
                verified=True,
                mode="copy",
                lost_s=0.0,
                frames=decode_clip(path, video.frame_requests),
            )


class PerLabel(Whole):
    """As many clips as the label has letters."""

    name = "per_label"

    def manifest_columns(self) -> tuple[str, ...]:
        return ("label",)

    def split(self, video: SourceVideo) -> Iterable[WrittenClip]:
        for _, clip in zip(str(video.columns["label"]), super().split(video), strict=False):
            yield clip


class Mean(Annotator):
    """Mean of the middle frame."""

    name = "mean"
    reads = ("frames",)
    writes = {"mean": pa.float32()}  # noqa: RUF012

    class Config(StageConfig):
        scale: float = 1.0

    config: Config

    def frames(self) -> FrameRequest:
        return FrameRequest(at="middle", short_side=32)

    def annotate(self, clips: Sequence[ClipSample]) -> list[dict[str, Any]]:
        return [{"mean": self.config.scale * float(clip.frames.mean())} for clip in clips if clip.frames is not None]


class Twice(Annotator):
    """Reads what `Mean` wrote."""

    name = "twice"
    reads = ("mean",)
    writes = {"twice": pa.float32()}  # noqa: RUF012

    def annotate(self, clips: Sequence[ClipSample]) -> list[dict[str, Any]]:
        return [{"twice": 2 * clip.values["mean"]} for clip in clips]


class Trouble(Annotator):
    """Does to the clip with index 1 what ``how`` says, unless the file ``cured`` is there."""

    name = "trouble"
    reads = ()
    writes = {"fine": pa.bool_()}  # noqa: RUF012

    class Config(StageConfig):
        how: str = "raise"
        cured: str = ""
        calls: str = ""

    config: Config

    def setup(self) -> None:
        if self.config.how == "no start":
            raise RuntimeError("the weights are broken")

    def annotate(self, clips: Sequence[ClipSample]) -> list[dict[str, Any] | ItemError]:
        if self.config.calls:
            with open(self.config.calls, "a") as file:
                file.write(f"{len(clips)} ")
        return [self._fine(clip) for clip in clips]

    def _fine(self, clip: ClipSample) -> dict[str, Any] | ItemError:
        ways = ["", *self.config.how.split(", ")]
        number = clip.row["clip_index"]
        how = ways[number] if number < len(ways) and not os.path.exists(self.config.cured) else ""
        if how == "raise":
            raise ValueError("this clip\nis no good")
        if how == "error":
            return ItemError("nothing can be said of this clip")
        if how == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "lose the device":
            raise RuntimeError("CUDA error: device-side assert triggered")
        if how == "disk full":
            raise DiskFullError("no space left to write /somewhere")
        if how == "other name":
            return {"good": True}
        return {"fine": "\ud83d" if how == "no value" else True}


class CaptionLength(Annotator):
    """Reads what `label_caption` wrote."""

    name = "length"
    reads = ("caption_label",)
    writes = {"length": pa.int32()}  # noqa: RUF012

    def annotate(self, clips: Sequence[ClipSample]) -> list[dict[str, Any]]:
        return [{"length": len(clip.values["caption_label"] or "")} for clip in clips]
