"""Which encoders turn captions, or the first frame, into what the network attends to."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from models.generation import Dtype


class TextEncoderSettings(BaseModel):
    """A frozen text encoder: of OpenCLIP where ``pretrained`` is given or the name begins with ``hf-hub:`` or
    ``local-dir:``, else `CLIPTextModel` of transformers; or ``words:D``, which needs no weights: each word is a fixed
    random vector of D numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field("ViT-H-14", description="OpenCLIP model, or a folder or hub repository of transformers")
    pretrained: str | None = Field("laion2b_s32b_b79k", description="OpenCLIP: tag or checkpoint; null: transformers")
    layer: Literal["auto", "last", "penultimate"] = Field(
        "auto", description="whose output is taken: auto is OpenCLIP's penultimate block, and transformers' last"
    )
    subfolder: str = Field("text_encoder", description="transformers: folder of the model, where the repository has it")
    tokenizer: str = Field("tokenizer", description="transformers: folder of its tokenizer, where it has that")
    revision: str | None = Field(None, description="branch, tag or commit of the hub's repository; null: main")
    dtype: Dtype = Field("auto", description="arithmetic: auto (bf16 on a GPU, fp32 on a CPU), fp32, bf16, fp16")
    texts_per_pass: int = Field(64, ge=1, description="captions encoded at a time")
    download: bool = Field(False, description="fetch weights that are not on this machine")
    cache_dir: str | None = Field(None, description="where fetched weights are kept; null: the usual cache")


class ImageEncoderSettings(BaseModel):
    """A frozen CLIP image encoder, for image-to-video: of OpenCLIP or, as above, `CLIPVisionModelWithProjection`; or
    ``cells:N``, which needs no weights: the mean colours of N × N parts of the picture."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field("ViT-H-14", description="OpenCLIP model, or a folder or hub repository of transformers")
    pretrained: str | None = Field("laion2b_s32b_b79k", description="OpenCLIP: tag or checkpoint; null: transformers")
    subfolder: str = Field(
        "image_encoder", description="transformers: folder of the model, where the repository has it"
    )
    revision: str | None = Field(None, description="branch, tag or commit of the hub's repository; null: main")
    dtype: Dtype = Field("auto", description="arithmetic: auto (bf16 on a GPU, fp32 on a CPU), fp32, bf16, fp16")
    images_per_pass: int = Field(32, ge=1, description="pictures encoded at a time")
    download: bool = Field(False, description="fetch weights that are not on this machine")
    cache_dir: str | None = Field(None, description="where fetched weights are kept; null: the usual cache")


WORDS, CELLS = "words:", "cells:"
