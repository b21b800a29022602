"""`vlm`: a caption of the clip by a modern vision-language model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, cast

import pyarrow as pa
from pydantic import Field

from curation.errors import ItemError, UserError
from curation.stage import ClipSample
from curation.video.sampling import FrameRequest
from stages.video_captioner import VideoCaptioner, VideoCaptionerConfig

if TYPE_CHECKING:
    from models.vlm import VideoSample

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

    def setup(self) -> None:
        """Load the model.

        Raises:
            UserError: weights, or a package that the model needs, are missing, or it is no chat model for images.
        """
        import torch

        from models.pretrained import PretrainedError
        from models.vlm import VideoLanguageModel

        torch.set_num_threads(max(1, int(self.num_cpus)))
        try:
            self._model = VideoLanguageModel(
                self.folder(),
                prompt=self.settings.prompt,
                decoding=self.decoding(),
                device=self.device,
                dtype=self.settings.dtype,
                clips_per_pass=self.settings.clips_per_pass,
                frames_as=self._config.frames_as,
            )
        except PretrainedError as error:
            raise UserError(f"vlm: {error}; see vlm.model") from error

    def captions(self, clips: Sequence[ClipSample]) -> list[str]:
        """What the model answers about each clip."""
        return self._model.caption([_sample(clip) for clip in clips])

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

    if clip.frames is None:
        raise ItemError(f"clip {clip.clip_id} came without frames")
    num_frames = int(clip.values["num_frames"])
    positions = frame_numbers(len(clip.frames), num_frames)
    return VideoSample(clip.frames, positions, num_frames, float(clip.values["fps"]), clip.clip_id)


def frame_numbers(count: int, num_frames: int) -> list[int]:
    """Which frames of a clip of ``num_frames`` a `FrameRequest` with at="uniform" and this ``count`` takes."""
    return [(2 * part + 1) * num_frames // (2 * count) for part in range(count)]
