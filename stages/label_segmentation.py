"""`label_segmentation`: of a long video with a class label only the parts that show it go into clips."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator, model_validator

from curation.errors import ItemError
from curation.stage import Splitter
from curation.video.displayed_frame import Orientation, displayed_array
from curation.video.reader import decode_frames, open_video
from curation.video.sampling import Frames
from curation.video.types import FrameIndex, SourceVideo, WrittenClip
from stages.labels import label_words
from stages.openclip_stage import OpenClipConfig, OpenClipStage
from stages.segments.planner import Threshold, find_segments, sample_frames


class LabelMatcher(Protocol):
    """Tells how well pictures match a text."""

    def transform(self, frame: Frames) -> Frames:
        """A full-size frame uint8 [h, w, 3] as ``similarities`` wants it."""

    def similarities(self, images: Sequence[Frames], text: str) -> npt.NDArray[np.float32]:
        """Similarity of each image with the text, float32 [n]."""


class LabelSegmentation(OpenClipStage, Splitter):
    """Confines the clips of a long labelled video to the runs of frames that CLIP finds to match the label.

    Videos without a label, and those that are not longer than ``longer_than_s``, are left whole.
    Source: VidRD, arXiv 2309.03549, §4.2.
    """

    name = "label_segmentation"
    reads = ("transitions", "frame_index")
    provides = ("segments",)

    class Config(OpenClipConfig):
        """Parameters of `label_segmentation`."""

        without_effect = frozenset({"images_per_pass", "download", "cache_dir"})

        label: str = Field("label", min_length=1, description="the manifest's column that holds the label")
        prompt: str = Field("a video of {label}", description="the text that frames are compared with")
        longer_than_s: float = Field(10.0, ge=0, description="videos that are not longer are left whole, seconds")
        fps: float = Field(2.0, gt=0, le=60, description="frames per second that are scored")
        min_similarity: float | None = Field(
            0.2, ge=-1, le=1, description="cosine similarity below which a frame is dropped; null: no such bound"
        )
        min_share_of_best: float | None = Field(
            None, ge=0, le=1, description="share of the video's best similarity below which a frame is dropped"
        )
        min_seconds: float = Field(2.0, ge=0, description="shorter segments are dropped")
        dtype: Literal["auto", "fp32", "bf16", "fp16"] = Field(
            "fp32", description="arithmetic of the model; auto: bf16 on a GPU, so that clips depend on the machine"
        )
        images_per_pass: int = Field(32, ge=1, description="frames that the model sees at once")

        @field_validator("prompt")
        @classmethod
        def _check_prompt(cls, prompt: str) -> str:
            if prompt.count("{label}") != 1 or set("{}") & set(prompt.replace("{label}", "")):
                raise ValueError(f'"{prompt}": must hold {{label}} once, and no other brace')
            return prompt

        @model_validator(mode="after")
        def _check_bounds(self) -> LabelSegmentation.Config:
            if self.min_similarity is None and self.min_share_of_best is None:
                raise ValueError("min_similarity and min_share_of_best are both null: nothing would be dropped")
            return self

    config: Config

    def manifest_columns(self) -> tuple[str, ...]:
        """The label."""
        return (self.config.label,)

    def setup(self) -> None:
        """Load the model.

        Raises:
            UserError: weights are missing, or do not fit the model.
        """
        self._matcher = self.load_matcher()

    def load_matcher(self) -> LabelMatcher:
        """The model that scores frames. A subclass may bring another."""
        from models.openclip_match import OpenClipMatcher

        config = self.config
        with self.loading() as source:
            return OpenClipMatcher(
                source, device=self.device, dtype=config.dtype, images_per_pass=config.images_per_pass
            )

    def split(self, video: SourceVideo) -> Iterable[WrittenClip]:
        """Set ``video.keep`` to the segments that match the label; yields no clips.

        Raises:
            ItemError: cut detection has not run, the label is not text, or a frame cannot be decoded again.
            ItemTimeoutError: the video took too long.
        """
        index = video.frame_index
        if index is None:
            raise ItemError("label segmentation needs the frame index of cut_detection")
        label = label_words(video.columns, self.config.label)
        length_s = float(int(index.end_pts - index.pts[0]) * index.time_base)
        if label is None or length_s <= self.config.longer_than_s:
            return ()
        config = self.config
        samples = sample_frames(index, Fraction(config.fps).limit_denominator(1001))
        scores = self._score(video, index, samples, config.prompt.format(label=label))
        matches = Threshold(config.min_similarity, config.min_share_of_best).matches(scores)
        shortest_s = Fraction(config.min_seconds).limit_denominator(10**6)
        video.keep = find_segments(index, samples, matches, video.transitions, shortest_s)
        kept_s = float(sum(end - start for start, end in video.keep) * index.time_base)
        count = len(video.keep)
        video.notes.append(
            f'{kept_s:.1f} of {length_s:.1f} s match the label "{label}", in {count} segment{"s" * (count != 1)}; '
            f"similarity of frames {scores.min():.3f} to {scores.max():.3f}"
        )
        return ()

    def _score(
        self, video: SourceVideo, index: FrameIndex, samples: npt.NDArray[np.int64], text: str
    ) -> npt.NDArray[np.float32]:
        """Similarities of the sampled frames, float32 [n]; few full-size frames are held at once."""
        wanted = {int(pts) for pts in index.pts[samples]}
        scores: list[npt.NDArray[np.float32]] = []
        pictures: list[Frames] = []
        orientation: Orientation | None = None
        with open_video(video.path, thread_count=max(1, int(self.num_cpus))) as (container, stream):
            for frame in decode_frames(container, stream, video.deadline):
                if frame.pts not in wanted:
                    continue
                orientation = orientation or Orientation.of(frame)
                whole = displayed_array(frame, sample_aspect_ratio=stream.sample_aspect_ratio, orientation=orientation)
                pictures.append(self._matcher.transform(whole))
                if len(pictures) == self.config.images_per_pass:
                    scores.append(self._matcher.similarities(pictures, text))
                    pictures = []
        if pictures:
            scores.append(self._matcher.similarities(pictures, text))
        found = np.concatenate(scores) if scores else np.empty(0, np.float32)
        if len(found) != len(samples):
            raise ItemError(f"{len(samples)} frames were to be scored, and {len(found)} could be decoded")
        return found
