"""How long, on what and with which weights a training begins; what it reports."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class StartSettings(BaseModel):
    """The weights that a training begins with. Without a checkpoint they are drawn at random."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    checkpoint: str | None = Field(
        None,
        description="an output folder or checkpoint of an earlier stage, a folder or hub repository of diffusers' "
        "UNetSpatioTemporalConditionModel, or of an image UNet (UNet2DConditionModel), which is inflated",
    )
    weights: str = Field("raw", description='of a checkpoint of ours: "raw", or the name of an average such as "0.050"')
    revision: str | None = Field(None, description="branch, tag or commit of the hub's repository; null: main")
    download: bool = Field(False, description="fetch weights that are not on this machine")
    cache_dir: str | None = Field(None, description="where fetched weights are kept; null: the hub's usual cache")


class TrainingSettings(BaseModel):
    """Length, batch, arithmetic."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: int = Field(ge=1, description="steps of the optimizer")
    batch_size: int = Field(ge=1, description="samples of one step, over all GPUs")
    micro_batch_size: int | None = Field(
        None, ge=1, description="samples on one GPU at a time; the rest is accumulated; null: all at once"
    )
    precision: Literal["bf16", "fp32"] = Field("bf16", description="arithmetic of the network; weights are float32")
    compile: bool = Field(False, description="torch.compile the network")
    parallel: Literal["ddp", "fsdp"] = Field(
        "ddp", description="several GPUs: a copy of the network on each, or a piece of it (FSDP2)"
    )


class ValidationSettings(BaseModel):
    """What is looked at while training goes on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    every_steps: int | None = Field(1000, ge=1, description="steps from validation to validation; null: none")
    sigmas: tuple[float, ...] = Field(
        (0.05, 0.2, 1.0, 5.0, 20.0), description="noise levels at which the held-out loss is taken"
    )
    prompts: tuple[str, ...] = Field((), description="captions to make videos of, samples/<samples>/*.mp4")
    pictures: int = Field(
        2, ge=0, description="the same where the model begins with a picture: of so many held-out clips' first frames"
    )
    seed: int = Field(0, ge=0, description="of the noise that the videos begin with")
    motion_bucket: int | None = Field(None, ge=0, description="of the videos; null: the middle one")

    @model_validator(mode="after")
    def _levels(self) -> ValidationSettings:
        if any(sigma <= 0 for sigma in self.sigmas) or len(set(self.sigmas)) < len(self.sigmas):
            raise ValueError("sigmas: each should be greater than 0 and stand once")
        return self


class LogSettings(BaseModel):
    """What is written down."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    every_steps: int = Field(10, ge=1, description="steps from line to line of log.jsonl")
    tensorboard: bool = Field(True, description="also write tensorboard/, where the package tensorboard is installed")
