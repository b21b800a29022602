"""How a BLIP-2 checkpoint wants its frames resized, without torch: that is done where frames are decoded."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from models.pretrained import PretrainedError

_BICUBIC = 3


@dataclass(frozen=True)
class SquashResize:
    """Resizes a picture to ``size`` (height, width) whatever its shape, with a filter of Pillow.

    uint8 [h, w, 3] → uint8 [size[0], size[1], 3]; equal to transformers' `BlipImageProcessorPil`, the image processor
    with which BLIP-2 and VideoBLIP were published.
    """

    size: tuple[int, int]
    resample: int = _BICUBIC

    def __call__(self, frame: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Resize one RGB picture."""
        height, width = self.size
        return np.asarray(Image.fromarray(frame).resize((width, height), Image.Resampling(self.resample)))


def checkpoint_resize(folder: Path) -> SquashResize:
    """How the image processor saved in ``folder`` resizes.

    Raises:
        PretrainedError: the folder holds another kind of model, or no image processor that resizes to one size.
    """
    _check_kind(folder)
    settings = _image_processor(folder)
    size = settings.get("size")
    if isinstance(size, int):
        size = {"height": size, "width": size}
    if not isinstance(size, dict) or not {"height", "width"} <= size.keys() or settings.get("do_center_crop"):
        raise PretrainedError(
            f"{folder}: its image processor does not resize to one height and width, as BLIP-2's does: give a "
            "BLIP-2 checkpoint"
        )
    resample = settings.get("resample")
    return SquashResize((int(size["height"]), int(size["width"])), _BICUBIC if resample is None else int(resample))


def _image_processor(folder: Path) -> dict[str, Any]:
    """Settings of the image processor: in a file of its own (the hub's checkpoints), or in the processor's."""
    for file, key in (("preprocessor_config.json", None), ("processor_config.json", "image_processor")):
        path = folder / file
        if not path.is_file():
            continue
        try:
            read = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise PretrainedError(f"{path}: not JSON: {error}") from error
        found = read if key is None else read.get(key)
        if isinstance(found, dict):
            return found
    raise PretrainedError(f"{folder}: holds no image processor (preprocessor_config.json); save it there too")


def _check_kind(folder: Path) -> None:
    try:
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
    except (OSError, ValueError) as error:
        raise PretrainedError(f"{folder}: its config.json cannot be read: {error}") from error
    if kind != "blip-2":
        raise PretrainedError(
            f'{folder} holds a model of type "{kind}", not "blip-2"; give a VideoBLIP or BLIP-2 checkpoint '
            "(for other kinds there is the stage vlm)"
        )
