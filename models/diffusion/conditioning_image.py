"""The picture that an image-to-video model goes on from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from models.diffusion.errors import DiffusionError


def read_image(path: Path, height: int, width: int) -> Tensor:
    """The picture upright, scaled until it covers ``width`` × ``height``, its middle: float32 [3, h, w] in [−1, 1].

    Transparent parts become white.

    Raises:
        DiffusionError: it is no picture, or cannot be read.
    """
    try:
        with Image.open(path) as opened:
            upright = ImageOps.exif_transpose(opened)
            layered = upright.convert("RGBA")
    except OSError as error:
        reason = error.strerror or "is no picture that can be read"
        raise DiffusionError(f"{path}: {reason}; give a picture such as a PNG or JPEG file") from error
    except (ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DiffusionError(f"{path}: cannot be read as a picture: {' '.join(str(error).split())}") from error
    flat = Image.alpha_composite(Image.new("RGBA", layered.size, "white"), layered).convert("RGB")
    fitted = ImageOps.fit(flat, (width, height), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.asarray(fitted, np.float32) / 127.5 - 1).permute(2, 0, 1)
