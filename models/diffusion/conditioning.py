"""What the network is told of a video: its caption or first frame, and numbers about it.

Follows Stable Video Diffusion (arXiv 2311.15127): section 3 and appendix D.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from models.diffusion.errors import DiffusionError
from models.diffusion.motion_buckets import MotionBuckets
from models.diffusion.randomness import normal, uniform

FPS, MOTION, AUGMENTATION = "fps", "motion_bucket", "augmentation"
Extra = Literal["aesthetic_score", "text_area", "crop"]
# How many numbers each one is; every other one is a single number.
WIDTHS: Mapping[str, int] = {"crop": 2}
UNKNOWN = -1.0


class FrameSettings(BaseModel):
    """The conditioning frame of image-to-video, whose latent is concatenated to the noisy ones of every frame."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    p_mean: float = Field(-3.0, description="mean of ln σ of the noise that is added to the frame")
    p_std: float = Field(0.5, ge=0, description="standard deviation of ln σ of that noise")
    augment: Literal["pixels", "latents"] = Field(
        "pixels", description="what the noise is added to; cached latents need latents"
    )
    scale: float = Field(
        1.0, gt=0, description="factor on the frame's latent; the published SVD checkpoints expect 1/0.18215"
    )


class ConditioningSettings(BaseModel):
    """What the network is told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    context: Literal["text", "image"] = Field(
        "text", description="cross-attention to the caption, or to the CLIP embedding of the first frame"
    )
    frame: FrameSettings | None = Field(None, description="image-to-video: also concatenate the first frame's latent")
    drop: float = Field(
        0.15, ge=0, le=1, description="share of samples whose context and frame are left out, for guidance"
    )
    motion_bucket: bool = Field(True, description="tell the bucket of the measured motion score")
    motion_buckets: int = Field(256, ge=2, le=4096, description="number of buckets, of equally many clips each")
    extra: tuple[Extra, ...] = Field((), description="more numbers to tell")

    @model_validator(mode="after")
    def _once(self) -> ConditioningSettings:
        if len(set(self.extra)) < len(self.extra):
            raise ValueError("extra: each may stand once")
        return self

    @property
    def middle_bucket(self) -> int | None:
        """The motion bucket of videos for which none is given; None where none is told."""
        return (self.motion_buckets - 1) // 2 if self.motion_bucket else None

    @property
    def micro(self) -> tuple[str, ...]:
        """Names of the numbers that are told, in the order of the published SVD checkpoints, then the others."""
        motion = (MOTION,) if self.motion_bucket else ()
        augmentation = (AUGMENTATION,) if self.frame is not None else ()
        return (FPS, *motion, *augmentation, *self.extra)

    @property
    def micro_width(self) -> int:
        """How many numbers these are."""
        return sum(WIDTHS.get(name, 1) for name in self.micro)


@dataclass(frozen=True)
class Conditions:
    """What the network is told of a batch.

    ``context``: (B, L, D); ``micro``: (B, n); ``concat``: (B, F, C, h, w), or None without a conditioning frame.
    """

    context: torch.Tensor
    micro: torch.Tensor
    concat: torch.Tensor | None = None

    def for_network(self) -> dict[str, torch.Tensor]:
        """As keyword arguments of `EDM.denoise`."""
        told = {"context": self.context, "micro": self.micro}
        return told if self.concat is None else {**told, "concat": self.concat}


@dataclass(frozen=True)
class Conditioning:
    """How captions, frames and numbers become `Conditions`; stored with every checkpoint."""

    settings: ConditioningSettings
    buckets: MotionBuckets | None = None
    # (1, L, D): what a caption that is left out is replaced with; zeros for images.
    null_context: torch.Tensor = field(default_factory=lambda: torch.zeros(1, 1, 1), compare=False)

    def micro(
        self,
        fps: torch.Tensor,
        motion_bucket: torch.Tensor | None = None,
        augmentation: torch.Tensor | None = None,
        extra: Mapping[str, torch.Tensor] | None = None,
    ) -> torch.Tensor:
        """The numbers (B, n), float32, raw; NaN, or a value that is not given, counts as unknown: `UNKNOWN`.

        ``fps``: (B,), told as fps − 1 as the SVD checkpoints expect it; ``motion_bucket``: (B,);
        ``augmentation``: (B,), σ of the noise on the conditioning frame; ``extra``: (B,) or (B, k) each.
        """
        told = {FPS: fps - 1, MOTION: motion_bucket, AUGMENTATION: augmentation, **(extra or {})}
        columns = []
        for name in self.settings.micro:
            width = WIDTHS.get(name, 1)
            value = told.get(name)
            values = torch.full((len(fps), width), torch.nan, device=fps.device) if value is None else value
            columns.append(values.to(fps.device, torch.float32).reshape(len(fps), width))
        return torch.cat(columns, dim=1).nan_to_num(nan=UNKNOWN)

    def micro_of(
        self,
        fps: torch.Tensor,
        motion: torch.Tensor,
        is_image: torch.Tensor,
        augmentation: torch.Tensor | None,
        extra: Mapping[str, torch.Tensor],
    ) -> torch.Tensor:
        """The numbers of training samples: ``motion`` is the measured score; stills have neither fps nor motion."""
        bucket = None if self.buckets is None else self.buckets.bucket(motion).masked_fill(is_image, torch.nan)
        return self.micro(fps.masked_fill(is_image, torch.nan), bucket, augmentation, extra)

    def micro_of_video(
        self,
        count: int,
        frames: int,
        fps: float,
        motion_bucket: float | None,
        augmentation: float | None = None,
        extra: Mapping[str, torch.Tensor] | None = None,
    ) -> torch.Tensor:
        """The numbers (count, n) of videos that are to be made. One frame has neither fps nor motion, as in training;
        ``extra``: (count, k) each."""
        still = frames == 1
        bucket = None if still or motion_bucket is None else torch.full((count,), float(motion_bucket))
        sigma = None if augmentation is None else torch.full((count,), augmentation)
        return self.micro(torch.full((count,), torch.nan if still else fps), bucket, sigma, extra)

    def augmentation(self, seed: int, indices: Sequence[int]) -> torch.Tensor:
        """σ of the noise on the conditioning frame, (B,), drawn for each sample: ln σ ~ N(p_mean, p_std²)."""
        frame = self._frame
        drawn = normal(seed, indices, "augmentation sigma", ())
        return torch.exp(frame.p_mean + frame.p_std * drawn)

    def augmented(self, frame: torch.Tensor, sigma: torch.Tensor, seed: int, indices: Sequence[int]) -> torch.Tensor:
        """The frame, pixels in [−1, 1] or latents (B, C, H, W), with noise of ``sigma`` (B,) for each sample."""
        noise = normal(seed, indices, "augmentation noise", frame.shape[1:], frame.device).to(frame.dtype)
        return frame + noise * sigma.to(frame).reshape(-1, 1, 1, 1)

    def over_time(self, latent: torch.Tensor, num_frames: int) -> torch.Tensor:
        """The latent of the conditioning frame (B, C, h, w), scaled and copied to every frame: (B, F, C, h, w)."""
        return (latent * self._frame.scale).unsqueeze(1).expand(-1, num_frames, -1, -1, -1)

    def dropped(self, seed: int, indices: Sequence[int]) -> torch.Tensor:
        """Which samples are not told their context and frame, (B,) bool: each with the probability ``drop``."""
        return uniform(seed, indices, "drop") < self.settings.drop

    def without(self, conditions: Conditions, dropped: torch.Tensor) -> Conditions:
        """``conditions`` with the null context, and zeros for the frame, where ``dropped`` (B,) is true."""
        context = conditions.context
        left_out = dropped.to(context.device).reshape(-1, 1, 1)
        concat = conditions.concat
        return replace(
            conditions,
            context=torch.where(left_out, self.null_context.to(context), context),
            concat=None if concat is None else concat.masked_fill(left_out.reshape(-1, 1, 1, 1, 1), 0.0),
        )

    def unconditional(self, conditions: Conditions) -> Conditions:
        """What classifier-free guidance leads away from; the numbers stay."""
        return self.without(conditions, torch.ones(len(conditions.context), dtype=torch.bool))

    def save(self, path: Path) -> None:
        """Write everything but the null context, which follows from the encoder, as JSON."""
        edges = None if self.buckets is None else list(self.buckets.edges)
        told = {"settings": self.settings.model_dump(mode="json"), "motion_bucket_edges": edges}
        path.write_text(json.dumps({**told, "micro": list(self.settings.micro)}, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path, null_context: torch.Tensor) -> Conditioning:
        """The reverse of `save`.

        Raises:
            DiffusionError: the file is missing or holds something else.
        """
        try:
            told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            settings = ConditioningSettings.model_validate(told["settings"])
            edges = told["motion_bucket_edges"]
            buckets = None if edges is None else MotionBuckets(tuple(float(edge) for edge in edges))
        except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
            reason = " ".join(str(error).split())
            raise DiffusionError(f"{path}: cannot be read as the conditioning of a checkpoint: {reason}") from error
        return cls(settings, buckets, null_context)

    @property
    def _frame(self) -> FrameSettings:
        if self.settings.frame is None:
            raise DiffusionError("the checkpoint takes no conditioning frame: its conditioning.frame is null")
        return self.settings.frame
