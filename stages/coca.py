"""`coca`: a caption of one frame of the clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, ClassVar, Literal

import pyarrow as pa
from pydantic import Field, model_validator

from curation.errors import ItemError
from curation.stage import Annotator, ClipSample
from curation.video.sampling import FrameRequest
from models.coca_search import CaptionSettings
from stages.openclip_stage import OpenClipConfig, OpenClipStage


class Coca(OpenClipStage, Annotator):
    """``caption_coca``: what one frame shows, by CoCa (arXiv 2205.01917) with OpenCLIP's weights.

    The frame is resized and cropped as OpenCLIP does while the clip is decoded; captions are those of
    `open_clip.CoCa.generate` for that frame alone, whatever the batch. As in arXiv 2311.15127, §3.1.
    """

    class Config(OpenClipConfig):
        """Parameters of `coca`; lengths are in tokens, those for start and end included."""

        without_effect = frozenset({"clips_per_pass", "download", "cache_dir"})

        model: str = Field(
            "coca_ViT-L-14", description='a CoCa of OpenCLIP, "local-dir:…", "hf-hub:…", or a model config .json'
        )
        pretrained: str | None = Field(
            "mscoco_finetuned_laion2b_s13b_b90k", description="a tag of OpenCLIP or the path of a checkpoint"
        )
        frame: Literal["middle", "random"] = Field(
            "middle", description="the frame that is captioned; random: one that follows from the seed and the clip"
        )
        generation_type: Literal["beam_search", "top_k", "top_p"] = Field(
            "beam_search", description="the best text, or tokens drawn from the likeliest ones"
        )
        seq_len: int = Field(30, ge=3, description="longest text")
        min_seq_len: int = Field(5, ge=1, description="shortest text")
        num_beams: int = Field(6, ge=1, description="beams over all groups")
        num_beam_groups: int = Field(
            3, ge=1, description="OpenCLIP's groups are alike: num_beams / num_beam_groups beams are searched"
        )
        repetition_penalty: float = Field(1.0, gt=0, description="above 1: words seldom come twice")
        temperature: float = Field(1.0, gt=0, description="of top_k and top_p")
        top_k: int = Field(1, ge=1, description="with top_k: number of tokens to draw from")
        top_p: float = Field(0.1, gt=0, le=1, description="with top_p: share of probability to draw from")
        seed: int = Field(0, description="of the draws of tokens, together with the clip's id, and of the random frame")
        dtype: Literal["auto", "fp32", "bf16", "fp16"] = Field(
            "auto", description="arithmetic; auto: bf16 on a GPU, fp32 on a CPU"
        )
        clips_per_pass: int = Field(16, ge=1, description="clips that the model sees at once")

        @model_validator(mode="after")
        def _fit(self) -> Coca.Config:
            self.settings()
            return self

        def settings(self) -> CaptionSettings:
            """How texts are written."""
            return CaptionSettings(**{each.name: getattr(self, each.name) for each in fields(CaptionSettings)})

    config: Config

    name = "coca"
    reads = ("frames",)
    writes: ClassVar[Mapping[str, pa.DataType]] = {"caption_coca": pa.string()}

    def frames(self) -> FrameRequest:
        """The frame as the model sees it."""
        config = self.config
        seed = config.seed if config.frame == "random" else None
        return FrameRequest(config.frame, seed=seed, shrink=self.source().transform)

    def setup(self) -> None:
        """Load the model.

        Raises:
            UserError: the weights are missing or do not fit, or the model writes no captions.
        """
        from models.coca import CocaCaptioner

        config = self.config
        with self.loading() as source:
            self._captioner = CocaCaptioner(
                source,
                config.settings(),
                device=self.device,
                dtype=config.dtype,
                images_per_pass=config.clips_per_pass,
            )

    def annotate(self, clips: Sequence[ClipSample]) -> list[dict[str, Any] | ItemError]:
        """``caption_coca`` of each clip; an error where the model wrote nothing."""
        captions = self._captioner.caption([clip.pictures()[0] for clip in clips], [clip.clip_id for clip in clips])
        return [
            {"caption_coca": caption} if caption else ItemError("the model gave an empty answer")
            for caption in captions
        ]
