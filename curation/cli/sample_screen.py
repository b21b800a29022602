"""What a person sees of `curation sample`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    import torch

    from models.diffusion.destinations import Destination
    from models.diffusion.generate import Generator
    from models.diffusion.request import Look, Request
    from models.diffusion.sampling import SamplingSettings
    from models.diffusion.trained import Trained

# Letters of a prompt, and videos, that are shown.
_SHOWN = 60
_LISTED = 8


@contextmanager
def progress(videos: int, batch_size: int, settings: SamplingSettings, *, quiet: bool) -> Iterator[Callable[[], None]]:
    """A bar on a terminal; the function that is given counts an evaluation of the network."""
    console = Console(stderr=True, quiet=quiet)
    batches = -(-videos // batch_size)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal, transient=True) as bars:
        task = bars.add_task("sampling", total=batches * settings.evaluations)
        yield lambda: bars.advance(task)


def warn_of_cut_prompts(generator: Generator, requests: Sequence[Request]) -> None:
    """One line for each prompt that is too long for the encoder."""
    for prompt in generator.cut_prompts(requests):
        start = prompt if len(prompt) <= _SHOWN else f"{prompt[:_SHOWN]}…"
        warn(f"the text encoder does not read the end of a prompt this long: {start}")


def warn(what: str) -> None:
    """A line on standard error."""
    Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(f"warning: {what}")


def print_done(
    targets: Sequence[Destination], look: Look, trained: Trained, device: torch.device, dtype: torch.dtype
) -> None:
    """What was written, and with which weights."""
    console = Console(highlight=False, markup=False, soft_wrap=True)
    for target in targets[:_LISTED]:
        console.print(f"{target.video}  (and {target.sidecar.name})")
    if len(targets) != 1:
        console.print(f"{len(targets)} videos")
    frames = "1 frame" if look.frames == 1 else f"{look.frames} frames at {look.fps:g} per second"
    console.print(f"{frames}, {look.width}x{look.height}, seed {look.seed}")
    console.print(f"{trained.about}; {device}, {str(dtype).removeprefix('torch.')}")
