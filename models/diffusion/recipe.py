"""A training configuration: the settings of every part, together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from models.diffusion.autoencoder.settings import AutoencoderSettings
from models.diffusion.conditioning import ConditioningSettings
from models.diffusion.data.settings import DataSettings
from models.diffusion.edm import NoiseSettings
from models.diffusion.ema import EmaSettings
from models.diffusion.errors import DiffusionError
from models.diffusion.sampling import SamplingSettings
from models.diffusion.text_encoder.settings import ImageEncoderSettings, TextEncoderSettings
from models.diffusion.train.folder import CheckpointSettings
from models.diffusion.train.optimizer import OptimizerSettings
from models.diffusion.train.settings import LogSettings, StartSettings, TrainingSettings, ValidationSettings
from models.diffusion.unet.config import SIZES, UNetConfig

SIZE = "size"


def _sized(values: Any) -> Any:
    """``size: NAME`` with fields that differ from it, as the fields of `UNetConfig`."""
    if not isinstance(values, Mapping) or SIZE not in values:
        return values
    size = values[SIZE]
    if size not in SIZES:
        raise ValueError(f"size: should be one of {', '.join(SIZES)}, not {size!r}")
    return {**SIZES[size].model_dump(), **{key: value for key, value in values.items() if key != SIZE}}


class Recipe(BaseModel):
    """Everything that a training follows from, beside the shards.

    ``unet``: ``size`` names one of `SIZES`; other fields change it. Its channels, the width of its context and the
    number of its micro-conditions follow from autoencoder, encoder and conditioning: see `unet_config`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str = Field("", description="what it is for")
    seed: int = Field(0, ge=0, description="of everything that is drawn")
    start: StartSettings = StartSettings()
    unet: Annotated[UNetConfig, BeforeValidator(_sized)]
    autoencoder: AutoencoderSettings = AutoencoderSettings()
    text_encoder: TextEncoderSettings = TextEncoderSettings()
    image_encoder: ImageEncoderSettings = ImageEncoderSettings()
    conditioning: ConditioningSettings = ConditioningSettings()
    noise: NoiseSettings = NoiseSettings()
    data: DataSettings
    training: TrainingSettings
    optimizer: OptimizerSettings = OptimizerSettings()
    ema: EmaSettings = EmaSettings()
    checkpoints: CheckpointSettings = CheckpointSettings()
    validation: ValidationSettings = ValidationSettings()
    logging: LogSettings = LogSettings()
    sampling: SamplingSettings = SamplingSettings()

    @model_validator(mode="after")
    def _fits_together(self) -> Recipe:
        missing = set(self.conditioning.extra) - set(self.data.extra) - {"crop"}
        if missing:
            raise ValueError(f"conditioning.extra: {', '.join(sorted(missing))} must stand in data.extra too")
        if self.validation.prompts and self.begins_with_picture:
            raise ValueError("validation.prompts: a model that begins with a picture cannot be shown by captions alone")
        bucket = self.validation.motion_bucket
        known = self.conditioning.motion_buckets if self.conditioning.motion_bucket else 0
        if bucket is not None and bucket >= known:
            raise ValueError(f"validation.motion_bucket: {bucket} is none of the {known} buckets of conditioning")
        return self

    @property
    def begins_with_picture(self) -> bool:
        """Whether the network is told a video's first frame."""
        return self.conditioning.context == "image" or self.conditioning.frame is not None

    @property
    def needs_pixels(self) -> str | None:
        """Why it cannot be trained on latents that were computed ahead, in words; None where it can."""
        frame = self.conditioning.frame
        if frame is None or frame.augment == "latents":
            return None
        return (
            "latents cannot be cached with conditioning.frame.augment: pixels, as other noise is put on the first "
            "frame each time that a clip is read; set it to latents"
        )

    def unet_config(self, channels: int, context_width: int) -> UNetConfig:
        """The network for latents of ``channels`` and a context of ``context_width``."""
        concatenated = 0 if self.conditioning.frame is None else channels
        widths = {
            "in_channels": channels + concatenated,
            "out_channels": channels,
            "cross_attention_dim": context_width,
            "num_frames": self.data.frames,
        }
        return self.unet.model_copy(update=widths).with_micro(self.conditioning.micro_width)

    @classmethod
    def load(cls, path: Path) -> Recipe:
        """The recipe that a training wrote down.

        Raises:
            DiffusionError: the file is missing, or is not a recipe of this version.
        """
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValidationError) as error:
            raise DiffusionError(f"{path}: cannot be read as a recipe: {' '.join(str(error).split())}") from error

    def save(self, path: Path) -> None:
        """Write it down, every default too."""
        path.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
