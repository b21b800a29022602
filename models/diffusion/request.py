"""What videos are wanted, checked against what a model takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from models.diffusion.conditioning import AUGMENTATION, FPS, MOTION, WIDTHS, ConditioningSettings
from models.diffusion.errors import DiffusionError


@dataclass(frozen=True)
class Request:
    """One video. ``index``: with the seed, what its noise follows from."""

    index: int
    prompt: str | None = None
    image: Path | None = None


@dataclass(frozen=True)
class Look:
    """What all videos of a call are to be like.

    ``fps``: frames per second, which the model is told and the file plays at. ``motion_bucket``: how much moves, as the
    bucket of the motion score; None: the middle one. ``augmentation``: σ of the noise on the conditioning frame: more
    gives the model more freedom from it. ``extra``: values of further micro-conditions; those not given are unknown.
    """

    frames: int
    height: int
    width: int
    fps: float
    seed: int = 0
    motion_bucket: float | None = None
    augmentation: float = 0.02
    extra: Mapping[str, Sequence[float]] = field(default_factory=dict)


def make_requests(
    settings: ConditioningSettings, prompts: Sequence[str], images: Sequence[Path], first_index: int = 0
) -> list[Request]:
    """One video for each prompt, all from the one image if there is one; without prompts one for each image.

    Raises:
        DiffusionError: the model needs a prompt or an image that is not given, or takes none.
    """
    of_text, with_frame = settings.context == "text", settings.frame is not None
    needs_image = with_frame or not of_text
    if of_text and not prompts:
        raise DiffusionError("this model makes videos from text: give --prompt or --prompts")
    if prompts and not of_text:
        raise DiffusionError("this model makes videos from an image and was told no captions: leave the prompt away")
    if any(not prompt.strip() for prompt in prompts):
        raise DiffusionError("the prompt is empty: say what the video is to show")
    if needs_image and not images:
        raise DiffusionError("this model makes videos from an image: give --image")
    if images and not needs_image:
        raise DiffusionError("this model makes videos from text alone and takes no image: leave --image away")
    if prompts and len(images) > 1:
        raise DiffusionError(f"{len(images)} images beside prompts: give one image for all prompts")
    if not prompts:
        return [Request(first_index + number, None, image) for number, image in enumerate(images)]
    image = images[0] if images else None
    return [Request(first_index + number, prompt.strip(), image) for number, prompt in enumerate(prompts)]


def check_told(settings: ConditioningSettings, look: Look) -> None:
    """Whether a model can be told this.

    Raises:
        DiffusionError: there is a micro-condition that it does not know, or a value of one that it cannot have.
    """
    if look.motion_bucket is not None:
        if MOTION not in settings.micro:
            raise DiffusionError("this model was not told how much moves: leave --motion away")
        highest = settings.motion_buckets - 1
        if not 0 <= look.motion_bucket <= highest:
            raise DiffusionError(f"--motion {look.motion_bucket:g}: should be a bucket of the model, 0 to {highest}")
    known = [name for name in settings.micro if name not in (FPS, MOTION, AUGMENTATION)]
    for name, values in look.extra.items():
        if name not in known:
            listed = ", ".join(known) or "none"
            raise DiffusionError(f"--tell {name}: the model was told no such value; those that it was told: {listed}")
        if len(values) != WIDTHS.get(name, 1):
            raise DiffusionError(f"--tell {name}: takes {WIDTHS.get(name, 1)} numbers, not {len(values)}")


def check_size(look: Look, factor: int) -> None:
    """Whether pictures can be of this size; ``factor``: pixels to a latent, along a side.

    Raises:
        DiffusionError: they cannot.
    """
    if look.height % factor or look.width % factor:
        width, height = (max(round(side / factor), 1) * factor for side in (look.width, look.height))
        raise DiffusionError(
            f"--size {look.width}x{look.height}: sides should be multiples of {factor}; {width}x{height} is nearest"
        )
