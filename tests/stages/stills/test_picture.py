"""Images of every kind: upright 8-bit sRGB, or one clear reason."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from curation.errors import ItemError
from stages.stills.picture import read_picture

LEFT, RIGHT = (200, 40, 30), (20, 60, 180)


def halves(width: int = 96, height: int = 64) -> Image.Image:
    """Red on the left, blue on the right."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:, : width // 2], pixels[:, width // 2 :] = LEFT, RIGHT
    return Image.fromarray(pixels)


def colour(image: Image.Image, x: float, y: float) -> tuple[int, ...]:
    found = image.getpixel((int(x * (image.width - 1)), int(y * (image.height - 1))))
    assert isinstance(found, tuple)
    return tuple(int(value) for value in found)


def near(found: tuple[int, ...], wanted: tuple[int, ...], tolerance: int = 6) -> bool:
    return all(abs(a - b) <= tolerance for a, b in zip(found, wanted, strict=True))


@pytest.mark.parametrize("suffix", [".avif", ".bmp", ".jpg", ".png", ".tif", ".webp"])
def test_formats(tmp_path: Path, suffix: str) -> None:
    halves().save(tmp_path / f"a{suffix}")
    image = read_picture(tmp_path / f"a{suffix}", 64)
    assert (image.mode, image.size) == ("RGB", (96, 64))
    assert near(colour(image, 0.1, 0.5), LEFT, 12)
    assert near(colour(image, 0.9, 0.5), RIGHT, 12)


@pytest.mark.parametrize(
    ("orientation", "size", "red_at"),
    [
        (1, (96, 64), (0, 0.5)),
        (2, (96, 64), (1, 0.5)),
        (3, (96, 64), (1, 0.5)),
        (6, (64, 96), (0.5, 0)),
        (8, (64, 96), (0.5, 1)),
    ],
)
def test_exif_orientation(tmp_path: Path, orientation: int, size: tuple[int, int], red_at: tuple[float, float]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    halves().save(tmp_path / "a.jpg", exif=exif, quality=95)
    image = read_picture(tmp_path / "a.jpg", 64)
    assert image.size == size
    assert near(colour(image, *red_at), LEFT)


def test_what_is_transparent_shows_white(tmp_path: Path) -> None:
    layer = halves().convert("RGBA")
    layer.putalpha(Image.fromarray(np.repeat(np.array([[0, 255]], np.uint8), 48, axis=1).repeat(64, axis=0)))
    layer.save(tmp_path / "a.png")
    image = read_picture(tmp_path / "a.png", 64)
    assert colour(image, 0.1, 0.5) == (255, 255, 255)
    assert colour(image, 0.9, 0.5) == RIGHT


def test_a_palette_with_a_transparent_colour(tmp_path: Path) -> None:
    palette = halves().quantize(2)
    red = palette.getpixel((0, 0))
    palette.save(tmp_path / "a.png", transparency=red)
    image = read_picture(tmp_path / "a.png", 64)
    assert colour(image, 0.1, 0.5) == (255, 255, 255)
    assert near(colour(image, 0.9, 0.5), RIGHT)


def test_cmyk(tmp_path: Path) -> None:
    halves().convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    image = read_picture(tmp_path / "a.jpg", 64)
    assert near(colour(image, 0.1, 0.5), LEFT, 12)
    assert near(colour(image, 0.9, 0.5), RIGHT, 12)


def test_sixteen_bits_of_grey_keep_their_brightness(tmp_path: Path) -> None:
    grey = np.repeat(np.linspace(0, 65535, 96).astype(np.uint16)[None], 64, axis=0)
    for name in ("a.png", "a.tif"):
        Image.fromarray(grey).save(tmp_path / name)
        image = np.asarray(read_picture(tmp_path / name, 64))
        assert np.abs(image[0, :, 1].astype(int) - grey[0] // 256).max() <= 1


def test_sixteen_bits_of_colour(tmp_path: Path) -> None:
    pixels = np.broadcast_to(np.array([0x8040, 0xFF00, 0x1234], ">u2"), (64, 80, 3))
    write_png(tmp_path / "a.png", 80, 64, pixels.tobytes(), bits=16)
    assert near(colour(read_picture(tmp_path / "a.png", 64), 0.5, 0.5), (0x80, 0xFF, 0x12), 1)


def test_a_colour_profile_is_applied(tmp_path: Path) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = srgb.replace(b"rXYZ", b"????", 1).replace(b"bXYZ", b"rXYZ", 1).replace(b"????", b"bXYZ", 1)
    Image.new("RGB", (64, 64), LEFT).save(tmp_path / "a.png", icc_profile=swapped)
    assert near(colour(read_picture(tmp_path / "a.png", 64), 0, 0), LEFT[::-1], 12)
    Image.new("RGB", (64, 64), LEFT).save(tmp_path / "b.png", icc_profile=b"no profile")
    assert colour(read_picture(tmp_path / "b.png", 64), 0, 0) == LEFT


def write_png(path: Path, width: int, height: int, rows: bytes, *, bits: int = 8) -> None:
    """A PNG of RGB samples, or of as many as ``rows`` holds."""
    length = width * 3 * bits // 8
    data = b"".join(b"\0" + rows[start : start + length] for start in range(0, len(rows), length))
    header = struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(data)), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def test_what_cannot_be_used_has_one_reason(tmp_path: Path) -> None:
    halves(8, 8).save(tmp_path / "tiny.png")
    for side in (8500, 12000, 60000):
        write_png(tmp_path / f"bomb{side}.png", side, side, bytes(1000))
    halves().save(tmp_path / "whole.jpg", quality=95)
    (tmp_path / "cut_off.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:500])
    write_png(tmp_path / "no_data.png", 200, 200, bytes(1000))
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "html.jpg").write_bytes(b"<html>not found</html>")
    halves().save(tmp_path / "moving.webp", save_all=True, append_images=[Image.new("RGB", (96, 64))])
    halves().save(tmp_path / "pages.tif", save_all=True, append_images=[halves()])
    Image.new("F", (96, 64)).save(tmp_path / "float.tif")
    halves().save(tmp_path / "vector.eps")
    reasons = {
        "tiny.png": "too small: 8 × 8",
        "bomb8500.png": "too large: 8500 × 8500",
        "bomb12000.png": "too large",
        "bomb60000.png": "too large",
        "cut_off.jpg": "cannot be decoded",
        "no_data.png": "cannot be decoded",
        "empty.jpg": "cannot be read as an image",
        "html.jpg": "cannot be read as an image",
        "vector.eps": "cannot be read as an image",
        "moving.webp": "an animation of 2 pictures",
        "pages.tif": "holds 2 pages",
        "float.tif": "mode F",
    }
    for name, reason in reasons.items():
        with pytest.raises(ItemError, match=reason) as error:
            read_picture(tmp_path / name, 64)
        assert "\n" not in str(error.value), name
        assert str(tmp_path) not in str(error.value), name
