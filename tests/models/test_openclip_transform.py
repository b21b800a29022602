"""The transform without torch against OpenCLIP's own."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from PIL import Image

from models.openclip_transform import OpenClipTransform

MEAN, STD = (0.48, 0.46, 0.41), (0.27, 0.26, 0.28)


@pytest.mark.parametrize("shape", [(720, 1280), (1280, 720), (31, 47), (224, 224), (225, 224), (40, 1000)], ids=str)
@pytest.mark.parametrize("size", [(224, 224), (60, 60), (64, 48)], ids=str)
@pytest.mark.parametrize("mode", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
def test_same_pixels_as_open_clip(shape: tuple[int, int], size: tuple[int, int], mode: str, interpolation: str) -> None:
    import open_clip

    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    image = np.asarray(Image.fromarray(noise).resize((shape[1], shape[0]), box=(0, 0, shape[1] / 3, shape[0] / 3)))
    reference = open_clip.transform.image_transform(
        size, is_train=False, mean=MEAN, std=STD, resize_mode=mode, interpolation=interpolation, fill_color=7
    )
    transform = OpenClipTransform(size, MEAN, STD, interpolation, mode, fill_color=7)
    got = (transform(image) / np.float32(255) - np.float32(MEAN)) / np.float32(STD)
    np.testing.assert_allclose(got.transpose(2, 0, 1), reference(Image.fromarray(image)).numpy(), rtol=1e-5, atol=1e-6)


def test_it_travels_and_compares_by_value() -> None:
    transform = OpenClipTransform((224, 224), MEAN, STD)
    assert pickle.loads(pickle.dumps(transform)) == transform
    assert hash(transform) == hash(OpenClipTransform((224, 224), MEAN, STD))
