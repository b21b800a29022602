"""Which autoencoder turns pictures into latents."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from models.generation import Dtype


class AutoencoderSettings(BaseModel):
    """A frozen autoencoder.

    ``model`` is one of

    - a folder of diffusers, or a repository of the hub that is one or has one as ``subfolder``: `AutoencoderKL`,
      `AutoencoderKLTemporalDecoder` or `AutoencoderTiny`;
    - the files of a TAESD-type autoencoder, named without ``_encoder.pth`` and ``_decoder.pth``;
    - ``pixels:N``: no weights; N × N pixels become 3 N² channels and back, without loss.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(
        "stabilityai/stable-video-diffusion-img2vid", description="folder, files, hub repository, pixels:N"
    )
    subfolder: str = Field("vae", description="folder of the repository that holds it, where it has that")
    revision: str | None = Field(None, description="branch, tag or commit of the hub's repository; null: main")
    variant: str | None = Field(None, description='of the weights\' file names: "fp16" reads ….fp16.safetensors')
    scale: float | None = Field(None, gt=0, description="factor on the latents; null: the one that the model tells")
    shift: float | None = Field(None, description="taken from the latents before; null: the one that the model tells")
    dtype: Dtype = Field("auto", description="arithmetic: auto (bf16 on a GPU, fp32 on a CPU), fp32, bf16, fp16")
    frames_per_pass: int = Field(8, ge=1, description="pictures encoded or decoded at a time")
    download: bool = Field(False, description="fetch weights that are not on this machine")
    cache_dir: str | None = Field(None, description="where fetched weights are kept; null: the hub's usual cache")


PIXELS = "pixels:"
Variant = Literal["AutoencoderKL", "AutoencoderKLTemporalDecoder", "AutoencoderTiny"]
