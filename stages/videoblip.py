"""`videoblip`: a caption of what happens in the clip, by VideoBLIP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from curation.errors import ItemError, UserError
from curation.stage import ClipSample, Requirement
from curation.video.sampling import FrameRequest, Frames
from stages.video_captioner import VideoCaptioner, VideoCaptionerConfig


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

    def setup(self) -> None:
        """Load the model.

        Raises:
            UserError: weights are missing or are none of BLIP-2.
        """
        import torch

        from models.pretrained import PretrainedError
        from models.videoblip import VideoBlip

        torch.set_num_threads(max(1, int(self.num_cpus)))
        try:
            self._model = VideoBlip(
                self.folder(),
                prompt=self.settings.prompt,
                decoding=self.decoding(),
                device=self.device,
                dtype=self.settings.dtype,
                clips_per_pass=self.settings.clips_per_pass,
            )
        except PretrainedError as error:
            raise UserError(f"videoblip: {error}; see videoblip.model") from error

    def captions(self, clips: Sequence[ClipSample]) -> list[str]:
        """What the model says about each clip."""
        return self._model.caption([_frames(clip) for clip in clips], [clip.clip_id for clip in clips])


def _frames(clip: ClipSample) -> Frames:
    if clip.frames is None:
        raise ItemError(f"clip {clip.clip_id} came without frames")
    return clip.frames
