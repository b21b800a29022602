"""Stable Video Diffusion's folder layout, against diffusers' own pipeline on the same weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    AutoencoderKLTemporalDecoder,
    EulerDiscreteScheduler,
    StableVideoDiffusionPipeline,
    UNetSpatioTemporalConditionModel,
)
from PIL import Image
from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

from models.diffusion.errors import DiffusionError
from models.diffusion.generate import Generator
from models.diffusion.randomness import normal
from models.diffusion.request import Look, Request
from models.diffusion.trained import open_trained

# CLIP is given 224 pixels by diffusers, whatever its own size: with pictures of this size both take them as they are.
SIDE, FRAMES, WIDTH = 224, 2, 32
CPU = torch.device("cpu")


def pipeline() -> Any:
    torch.manual_seed(1)
    unet = UNetSpatioTemporalConditionModel(
        down_block_types=("CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"),
        up_block_types=("UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"),
        block_out_channels=(64, 64), layers_per_block=1, num_attention_heads=(2, 2), cross_attention_dim=WIDTH,
        addition_time_embed_dim=16, projection_class_embeddings_input_dim=48, num_frames=FRAMES,
    )  # fmt: skip
    with torch.no_grad():
        # Else what the network is told hardly shows in 8 bits.
        for name, weight in unet.named_parameters():
            if any(part in name for part in ("attn2", "add_embedding", "time_emb_proj")):
                weight.mul_(6)
    blocks = ("DownEncoderBlock2D",) * 4
    vae = AutoencoderKLTemporalDecoder(block_out_channels=(32,) * 4, down_block_types=blocks, layers_per_block=1)
    image_encoder = CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, image_size=SIDE,
            patch_size=56, projection_dim=WIDTH,
        )
    )  # fmt: skip
    scheduler = EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", prediction_type="v_prediction",
        interpolation_type="linear", use_karras_sigmas=True, sigma_min=0.002, sigma_max=700.0, steps_offset=1,
        timestep_spacing="leading", timestep_type="continuous",
    )  # fmt: skip
    return StableVideoDiffusionPipeline(vae, image_encoder, unet, scheduler, CLIPImageProcessor())


@pytest.fixture(scope="module")
def theirs() -> Any:
    return pipeline()


@pytest.fixture(scope="module")
def folder(theirs: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("svd")
    theirs.save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("picture") / "a.png"
    noise = np.random.default_rng(1).integers(0, 256, (7, 7, 3), np.uint8)
    Image.fromarray(noise).resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(path)
    return path


def test_the_video_is_that_of_diffusers(theirs: Any, folder: Path, picture: Path) -> None:
    trained = open_trained(folder)
    settings = trained.recipe.sampling.model_copy(update={"steps": 4})
    look = Look(FRAMES, SIDE, SIDE, fps=7, seed=5, motion_bucket=127, augmentation=0.0)
    noise = normal(5, [0], "sampling", (FRAMES, 4, SIDE // 8, SIDE // 8))
    theirs.set_progress_bar_config(disable=True)
    expected = theirs(
        Image.open(picture), height=SIDE, width=SIDE, num_frames=FRAMES, num_inference_steps=4, fps=7,
        motion_bucket_id=127, noise_aug_strength=0.0, min_guidance_scale=1.0, max_guidance_scale=2.5, latents=noise,
        output_type="np",
    ).frames[0]  # fmt: skip
    generator = Generator(trained, CPU, torch.float32)
    ((_, found),) = generator.generate([Request(0, None, picture)], look, settings)
    assert expected.std() > 0.02
    np.testing.assert_allclose(found / 255, expected, atol=1.5 / 255)


def test_what_is_not_asked_for_is_as_published(folder: Path) -> None:
    trained = open_trained(folder)
    assert trained.recipe.sampling.guidance == "1:2.5"
    assert trained.recipe.data.size == (576, 1024)
    look = Generator(trained, CPU, torch.float32).resolved(Look(FRAMES, 576, 1024, fps=7))
    assert (look.motion_bucket, look.augmentation) == (127, 0.02)
    assert set(trained.identity()["sha256"]) == {"diffusion_pytorch_model.safetensors"}


def test_other_pipelines_and_averages_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DiffusionError, match="has no averages"):
        open_trained(folder, "0.050")
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline"}))
    with pytest.raises(DiffusionError, match="is a StableDiffusionPipeline of diffusers"):
        open_trained(tmp_path)
