"""From what is typed behind `curation sample` to settings, and back."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.errors import UserError

if TYPE_CHECKING:
    import torch

    from models.diffusion.destinations import Destination
    from models.diffusion.request import Look, Request
    from models.diffusion.sampling import SamplingSettings
    from models.diffusion.trained import Trained

_DTYPES = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}


def texts_of(prompt: str | None, prompts: Path | None) -> list[str]:
    """The prompts of --prompt or --prompts; none where neither is given."""
    from models.diffusion.prompts import read_prompts

    if prompt is not None and prompts is not None:
        raise UserError("--prompt and --prompts: give one of them")
    if prompts is not None:
        return read_prompts(prompts)
    return [] if prompt is None else [prompt]


def size_of(text: str) -> tuple[int, int]:
    """Height and width of ``384x256``, width first."""
    match = re.fullmatch(r"([1-9]\d{0,4})[x×]([1-9]\d{0,4})", text)
    if match is None:
        raise UserError(f"--size {text}: should be width and height, as 384x256")
    return int(match[2]), int(match[1])


def extra_values(tell: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """``name=value``, or ``name=value,value``, each."""
    found: dict[str, tuple[float, ...]] = {}
    for text in tell:
        name, _, values = text.partition("=")
        try:
            found[name] = tuple(float(value) for value in values.split(","))
        except ValueError:
            found[name] = ()
        if not found[name] or not all(map(math.isfinite, found[name])):
            raise UserError(f"--tell {text}: should be a name and numbers, as aesthetic_score=6.5")
    return found


def updated(settings: SamplingSettings, **given: Any) -> SamplingSettings:
    """The recipe's settings of sampling with those that are given."""
    from pydantic import ValidationError

    values = settings.model_dump() | {name: value for name, value in given.items() if value is not None}
    try:
        return type(settings).model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        option = f"--{str(first['loc'][0]).replace('_', '-')} {first['input']}: " if first["loc"] else ""
        raise UserError(f"{option}{first['msg'].removeprefix('Value error, ')}") from error


def command_of(
    trained: Trained,
    request: Request,
    look: Look,
    settings: SamplingSettings,
    target: Destination,
    device: torch.device,
    dtype: torch.dtype,
) -> str:
    """The command that makes this one video again, with nothing left to defaults."""
    words = ["curation", "sample", str(trained.place.resolve()), "--ema", trained.ema]
    if request.prompt is not None:
        words += ["--prompt", request.prompt]
    if request.image is not None:
        words += ["--image", str(request.image.resolve()), "--augmentation", repr(look.augmentation)]
    if look.motion_bucket is not None:
        words += ["--motion", f"{look.motion_bucket:g}"]
    for name, values in look.extra.items():
        words += ["--tell", f"{name}={','.join(map(repr, values))}"]
    options = {
        "fps": look.fps,
        "frames": look.frames,
        "size": f"{look.width}x{look.height}",
        "seed": look.seed,
        "index": request.index,
        **settings.model_dump(),
        "device": device,
        "dtype": _DTYPES[str(dtype).removeprefix("torch.")],
        "output": target.video,
    }
    for name, value in options.items():
        words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join(words)
