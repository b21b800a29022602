"""`videoblip`: a caption of what happens in the clip, by VideoBLIP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa
from pydantic import Field

from curation.errors import UserError
from curation.stage import ClipSample, Requirement
from curation.video.sampling import FrameRequest
from stages.video_captioner import VideoCaptioner, VideoCaptionerConfig

if TYPE_CHECKING:
    from models.videoblip import VideoBlip


class VideoBlipCaptions(VideoCaptioner):
    """A caption of ``num_frames`` frames by VideoBLIP or any BLIP-2 checkpoint (see `models.videoblip.VideoBlip`).

    ``caption_videoblip``: the text that the language model adds to the prompt; null, with a reason, where it is empty.
    Frames are resized as BLIP-2's image processor does while the clip is decoded.
    Sources: VideoBLIP, https://github.com/yukw777/VideoBLIP; as in arXiv 2311.15127, §3.1.
    """

    class Config(VideoCaptionerConfig):
        """Parameters of `videoblip`."""

        model: str = Field(
            "kpyu/video-blip-opt-2.7b-ego4d",
            description="VideoBLIP or BLIP-2: a repository of the Hugging Face hub (org/name), or the path of a folder",
        )
        prompt: str = Field(
            "Question: What is happening in the video? Answer:", description="what the model continues; may be empty"
        )

    name = "videoblip"
    reads = ("frames",)
    writes: ClassVar[Mapping[str, pa.DataType]] = {"caption_videoblip": pa.string()}

    def requirements(self) -> Iterator[Requirement]:
        """The weights: here, to be fetched, or missing; and whether they are those of a BLIP-2."""
        from models.pretrained import PretrainedError
        from models.videoblip_frames import checkpoint_resize

        for requirement in super().requirements():
            folder = self.hub_model().local()
            problem = requirement.problem
            if folder is not None:
                try:
                    checkpoint_resize(folder)
                except PretrainedError as error:
                    problem = f"{error}; see videoblip.model"
            yield replace(requirement, problem=problem)

    def frames(self) -> FrameRequest:
        """Evenly spread frames at the size that the checkpoint's vision model sees."""
        from models.pretrained import PretrainedError
        from models.videoblip_frames import checkpoint_resize

        try:
            resize = checkpoint_resize(self.folder())
        except PretrainedError as error:
            raise UserError(f"videoblip: {error}; see videoblip.model") from error
        return FrameRequest("uniform", count=self.settings.num_frames, shrink=resize)

    def load(self, folder: Path, **settings: Any) -> VideoBlip:
        """The model in ``folder``."""
        from models.videoblip import VideoBlip

        return VideoBlip(folder, **settings)

    def captions(self, clips: Sequence[ClipSample]) -> list[str]:
        """What the model says about each clip."""
        answers: list[str] = self.model.caption([clip.pictures() for clip in clips], [clip.clip_id for clip in clips])
        return answers
