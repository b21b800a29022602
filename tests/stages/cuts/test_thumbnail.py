"""Thumbnails of frames in many pixel formats, and the spool that keeps them."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from skimage import data

from stages.cuts.spool import ThumbnailSpool
from stages.cuts.thumbnail import CHROMA_SIZE, HEIGHT, LUMA_SIZE, THUMBNAIL_SIZE, WIDTH, thumbnail, to_bgr

PICTURE = cv2.GaussianBlur(cv2.resize(data.astronaut(), (640, 360)), (0, 0), 3)


@pytest.mark.parametrize(
    "pixel_format",
    ["yuv420p", "yuvj420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "nv12", "gbrp", "rgb24", "yuv420p10be"],
)
def test_all_pixel_formats_give_the_same_picture(pixel_format: str) -> None:
    frame = av.VideoFrame.from_ndarray(PICTURE, "rgb24").reformat(format=pixel_format)
    expected = cv2.resize(PICTURE, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)[..., ::-1].astype(int)
    seen = to_bgr(thumbnail(frame)).astype(int)
    tolerance = 30 if pixel_format == "yuvj420p" else 12
    assert np.abs(seen - expected).mean() < tolerance


@pytest.mark.parametrize("pixel_format", ["gray", "gray10le"])
def test_grey_has_no_colour(pixel_format: str) -> None:
    frame = av.VideoFrame.from_ndarray(PICTURE, "rgb24").reformat(format=pixel_format)
    thumb = thumbnail(frame).astype(int)
    assert np.abs(thumb[LUMA_SIZE:] - 128).max() <= 1
    assert thumb[:LUMA_SIZE].std() > 20


@pytest.mark.parametrize(("width", "height"), [(16, 16), (64, 36), (2, 2), (130, 98), (1080, 1920), (3840, 2160)])
def test_all_sizes(width: int, height: int) -> None:
    frame = av.VideoFrame.from_ndarray(np.full((height, width, 3), (200, 40, 90), np.uint8), "rgb24")
    thumb = thumbnail(frame.reformat(format="yuv420p"))
    assert thumb.shape == (THUMBNAIL_SIZE,)
    assert np.ptp(thumb[:LUMA_SIZE].astype(int)) <= 1
    assert np.ptp(thumb[LUMA_SIZE : LUMA_SIZE + CHROMA_SIZE].astype(int)) <= 1


def test_spool_gives_back_what_it_was_given(tmp_path: Path) -> None:
    thumbs = np.random.default_rng(1).integers(0, 255, (10, THUMBNAIL_SIZE), np.uint8)
    spool = ThumbnailSpool(tmp_path)
    for thumb in thumbs:
        spool.append(thumb)
    assert list(tmp_path.iterdir()) == []
    assert len(spool) == 10
    assert np.array_equal(spool.read(2, 5), thumbs[2:5])
    assert np.array_equal(spool.read(-4, 3), thumbs[:3])
    assert np.array_equal(spool.read(8, 99), thumbs[8:])
    assert spool.read(5, 5).shape == (0, THUMBNAIL_SIZE)
    spool.close()
