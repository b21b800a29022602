"""A still image from an untrusted file as upright 8-bit sRGB."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from curation.errors import ItemError
from curation.video.reader import MAX_PIXELS

FORMATS = ("AVIF", "BMP", "JPEG", "PNG", "TIFF", "WEBP")
_BACKGROUND = (255, 255, 255)
_SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I;16N")
_PLAIN = ("1", "L", "P", "LA", "La", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV")


def read_picture(path: Path, min_side: int) -> Image.Image:
    """The image, mode RGB, upright by its EXIF orientation.

    An embedded colour profile is applied; what is transparent shows white; of 16 bits the high 8 are kept. Of the
    several pictures in a phone's JPEG (MPO) the first is taken.

    Raises:
        ItemError: not an image of `FORMATS`, damaged, an animation, smaller than ``min_side``, larger than MAX_PIXELS,
            or with samples of no agreed range.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(path, formats=FORMATS) as image:
                _check(image, min_side)
                image.load()
                return _in_srgb(ImageOps.exif_transpose(image))
        except ItemError:
            raise
        except Image.DecompressionBombError as error:
            raise ItemError(f"the image is too large: more than {MAX_PIXELS:,} pixels") from error
        except UnidentifiedImageError as error:
            raise ItemError(f"cannot be read as an image ({', '.join(FORMATS)})") from error
        except Exception as error:  # decoders of damaged files raise whatever they meet
            raise ItemError(f"the image cannot be decoded: {' '.join(str(error).split())}") from error


def _check(image: Image.Image, min_side: int) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ItemError(f"the image is too large: {width} × {height}, more than {MAX_PIXELS:,} pixels")
    if min(width, height) < min_side:
        raise ItemError(f"the image is too small: {width} × {height}; the shorter side must have {min_side} pixels")
    pictures = getattr(image, "n_frames", 1)
    if pictures > 1 and image.format in ("PNG", "WEBP", "AVIF"):
        raise ItemError(f"an animation of {pictures} pictures, not a still image")
    if pictures > 1 and image.format == "TIFF":
        raise ItemError(f"holds {pictures} pages; a still image has one")
    if image.mode not in (*_PLAIN, *_SIXTEEN_BITS):
        raise ItemError(f"samples of mode {image.mode} (32 bits) have no agreed range; save it with 8 or 16 bits")


def _in_srgb(image: Image.Image) -> Image.Image:
    if image.mode in _SIXTEEN_BITS:
        return Image.fromarray((np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, (*_BACKGROUND, 255))
        flat = Image.alpha_composite(ground, layer).convert("RGB")
        return _converted(flat, image.info.get("icc_profile")) if image.mode in ("RGBA", "P") else flat
    if image.mode in ("RGB", "CMYK"):
        return _converted(image, image.info.get("icc_profile"))
    return image.convert("RGB")


def _converted(image: Image.Image, profile: bytes | None) -> Image.Image:
    """In sRGB; where there is no profile, or a broken one, as if there were none."""
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            done = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            return image.convert("RGB")
        if done is not None:
            return done
    return image.convert("RGB")
