"""What of the clips a training sees, and how it is read."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

# Height and width of the pictures, in pixels.
Size = tuple[int, int]

LARGEST_SIDE = 8192


class DataSettings(BaseModel):
    """Which frames of which clips are read, at which size, with which caption."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    frames: int = Field(14, ge=1, description="frames of a sample; 1 trains on images")
    shorter_frames: tuple[int, ...] = Field(
        (), description="numbers of frames for clips that are too short for `frames`; without any they are left out"
    )
    fps: float = Field(
        24.0, gt=0, description="frames per second of a sample; a slower clip is read at its own rate, and told so"
    )
    other_fps: tuple[float, ...] = Field(
        (),
        description="more rates: a sample is read at one of them and `fps`, drawn from those that the clip allows",
    )
    sizes: tuple[Size, ...] = Field(
        ((256, 384),),
        min_length=1,
        description="heights and widths in pixels; a clip goes to the one that is nearest to its own shape",
    )
    max_cropped: float = Field(
        1.0, gt=0, le=1, description="clips of whose picture a larger share would have to be cut off are left out"
    )
    crop: Literal["center", "random"] = Field("center", description="what is kept of a picture of another shape")
    horizontal_flip: bool = Field(False, description="mirror every other sample; captions that name sides become wrong")
    captions: dict[str, float] | None = Field(
        None, description="how often each caption is drawn, by column; null: as the shards were packed"
    )
    image_share: float = Field(
        0.0, ge=0, le=1, description="share of the samples that are one frame of their clip, held still"
    )
    extra: tuple[str, ...] = Field(
        ("aesthetic_score", "text_area"), description="columns of the shards' index that samples carry along"
    )
    held_out: int = Field(0, ge=0, description="clips kept from the training, for the held-out loss")
    latents: Literal["auto", "cached", "decode"] = Field(
        "auto",
        description="auto: what `curation cache-latents` wrote where it fits, else decode; cached: refuse to decode",
    )
    latents_precision: Literal["fp16", "fp32"] = Field("fp16", description="numbers that cached latents are kept as")
    max_broken: float = Field(
        0.01, ge=0, le=1, description="share of the samples that may be unreadable before the training stops"
    )
    workers: int = Field(4, ge=0, description="processes that read ahead; 0: in the training's own process")
    prefetch: int = Field(4, ge=1, description="batches that each of them reads ahead")

    @model_validator(mode="after")
    def _possible(self) -> DataSettings:
        if any(one < 1 for one in self.shorter_frames) or any(one >= self.frames for one in self.shorter_frames):
            raise ValueError(f"shorter_frames: each should be 1 or more and fewer than frames ({self.frames})")
        if any(one <= 0 for one in self.other_fps):
            raise ValueError("other_fps: each should be greater than 0")
        if any(not 1 <= side <= LARGEST_SIDE for size in self.sizes for side in size):
            raise ValueError(f"sizes: each side should be 1 to {LARGEST_SIDE} pixels")
        for name, values in (("sizes", self.sizes), ("shorter_frames", self.shorter_frames), ("other_fps", self.rates)):
            if len(set(values)) < len(values):
                raise ValueError(f"{name}: each may stand once")
        if self.captions is not None and not all(0 <= weight < float("inf") for weight in self.captions.values()):
            raise ValueError("captions: each weight should be 0 or more")
        return self

    @property
    def lengths(self) -> tuple[int, ...]:
        """Numbers of frames, the largest first."""
        return (self.frames, *sorted(self.shorter_frames, reverse=True))

    @property
    def rates(self) -> tuple[float, ...]:
        """Frames per second: `fps`, then the others."""
        return (self.fps, *self.other_fps)

    @property
    def size(self) -> Size:
        """Height and width of the first of `sizes`."""
        return self.sizes[0]
