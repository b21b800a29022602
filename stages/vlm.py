"""`vlm`: a caption of the clip by a modern vision-language model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

import pyarrow as pa
from pydantic import Field

from curation.stage import ClipSample
from curation.video.sampling import FrameRequest, uniform_positions
from stages.video_captioner import VideoCaptioner, VideoCaptionerConfig

if TYPE_CHECKING:
    from models.vlm import VideoLanguageModel, VideoSample

REFUSALS = (
    "I'm sorry",
    "I’m sorry",
    "I am sorry",
    "Sorry,",
    "I can't",
    "I can’t",
    "I cannot",
    "I'm unable",
    "I’m unable",
    "I am unable",
    "I'm not able",
    "I’m not able",
    "I am not able",
    "Unfortunately, I",
    "As an AI",
)


class VlmCaptions(VideoCaptioner):
    """What a chat model for images or videos answers about ``num_frames`` frames (see `models.vlm`).

    ``caption_vlm``: the answer; null, with a reason, where it is empty or a refusal.
    """

    class Config(VideoCaptionerConfig):
        """Parameters of `vlm`."""

        model: str = Field(
            "Qwen/Qwen2.5-VL-7B-Instruct",
            description="a chat model for images or videos: a repository of the Hugging Face hub (org/name), or the "
            "path of a folder",
        )
        prompt: str = Field(
            "Describe what happens in this video in one or two sentences.", min_length=1, description="the question"
        )
        max_new_tokens: int = Field(128, ge=1, description="longest caption, in tokens")
        long_side: int = Field(640, ge=28, le=4096, description="long side of the frames that the processor gets")
        frames_as: Literal["auto", "video", "images"] = Field(
            "auto", description="auto: one video where the model takes videos, else several images"
        )
        refusals: tuple[str, ...] = Field(REFUSALS, description="an answer that begins so is no caption")

    name = "vlm"
    reads = ("frames", "num_frames", "fps")
    writes: ClassVar[Mapping[str, pa.DataType]] = {"caption_vlm": pa.string()}

    def frames(self) -> FrameRequest:
        """Evenly spread frames of bounded size."""
        return FrameRequest("uniform", count=self.settings.num_frames, long_side=self._config.long_side)

    def load(self, folder: Path, **settings: Any) -> VideoLanguageModel:
        """The model in ``folder``."""
        from models.vlm import VideoLanguageModel

        return VideoLanguageModel(folder, **settings, frames_as=self._config.frames_as)

    def captions(self, clips: Sequence[ClipSample]) -> list[str]:
        """What the model answers about each clip."""
        answers: list[str] = self.model.caption([_sample(clip) for clip in clips])
        return answers

    def problem(self, answer: str) -> str | None:
        """Why ``answer`` is no caption: it is empty, or a refusal."""
        if answer.casefold().startswith(tuple(opening.casefold() for opening in self._config.refusals)):
            return f"the model refused: {answer[:80]}"
        return super().problem(answer)

    @property
    def _config(self) -> Config:
        return cast(VlmCaptions.Config, self.config)


def _sample(clip: ClipSample) -> VideoSample:
    from models.vlm import VideoSample

    pictures, num_frames = clip.pictures(), int(clip.values["num_frames"])
    positions = uniform_positions(len(pictures), num_frames)
    return VideoSample(pictures, positions, num_frames, float(clip.values["fps"]), clip.clip_id)
