"""`curation sample`."""

from __future__ import annotations

from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Annotated, Literal

import typer

from curation.cli.options import Quiet

NAME = "sample"


def command(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            metavar="CHECKPOINT",
            help="Output folder of a training (its newest checkpoint), one checkpoint, or a file of its weights.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help=".mp4, .gif, .png, or a folder for several videos.")
    ],
    prompt: Annotated[str | None, typer.Option("--prompt", "-p", help="What the video is to show.")] = None,
    prompts: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A prompt a line; one video for each.", show_default=False)
    ] = None,
    image: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="Image-to-video: the first frame; can be repeated.")
    ] = None,
    fps: Annotated[float | None, typer.Option(min=0.1, max=1000, help="Frames per second; else the recipe's.")] = None,
    motion: Annotated[
        float | None, typer.Option(metavar="BUCKET", help="How much moves, as a motion bucket; else the middle one.")
    ] = None,
    motion_score: Annotated[
        float | None, typer.Option(metavar="SCORE", help="How much moves, as a motion_score of the dataset.")
    ] = None,
    augmentation: Annotated[
        float,
        typer.Option(min=0, max=100, metavar="SIGMA", help="Noise on the first frame: more frees the video of it."),
    ] = 0.02,
    tell: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Another value that the model was told, as aesthetic_score=6.5."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another seed gives another video.")] = 0,
    index: Annotated[int, typer.Option(min=0, help="Number of the first video; each has its own noise.")] = 0,
    frames: Annotated[int | None, typer.Option(min=1, help="Number of frames; else the recipe's.")] = None,
    size: Annotated[
        str | None, typer.Option(metavar="WxH", help="Width and height, 384x256; else the recipe's.")
    ] = None,
    sampler: Annotated[Literal["euler", "heun", "dpmpp_2m"] | None, typer.Option(help="Else the recipe's.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps of the sampler; else the recipe's.")] = None,
    guidance: Annotated[
        str | None,
        typer.Option(metavar="SCALE", help="2.5, or first and last frame's, 1.0:2.5, or none; else the recipe's."),
    ] = None,
    sigma_min: Annotated[float | None, typer.Option(help="Lowest noise level; else the recipe's.")] = None,
    sigma_max: Annotated[float | None, typer.Option(help="Highest noise level; else the recipe's.")] = None,
    rho: Annotated[float | None, typer.Option(help="How the noise levels are spaced; else the recipe's.")] = None,
    ema: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Average of the weights: 0.050, a width that is not stored, or raw for none."
        ),
    ] = None,
    form: Annotated[
        Literal["mp4", "gif", "png"] | None, typer.Option("--format", help="Of videos in a folder; else mp4.")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Videos sampled at a time.")] = 1,
    device: Annotated[str, typer.Option(help="auto (a GPU if there is one), cpu, cuda, cuda:1.")] = "auto",
    dtype: Annotated[
        Literal["auto", "fp32", "bf16", "fp16"], typer.Option(help="Arithmetic; auto: bf16 on a GPU, fp32 on a CPU.")
    ] = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")] = False,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Leave out videos that are there: goes on where a call was stopped.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Make videos with a trained model, from text, an image, or both.

    Beside each video stands a JSON file with everything that it was made from, and the command that makes it again.

    Example: `curation sample training --prompt "a red circle moves to the left" --output circle.mp4`

    Exit status: 0 all done; 2 the request cannot run.
    """
    from curation.cli.model_errors import telling_model_errors
    from curation.cli.sample_options import command_of, extra_values, size_of, texts_of, updated
    from curation.cli.sample_screen import print_done, progress, warn, warn_of_cut_prompts
    from curation.errors import UserError

    with telling_model_errors():
        from models.diffusion.conditioning_image import read_image
        from models.diffusion.destinations import destinations
        from models.diffusion.device import choose_device
        from models.diffusion.generate import Generator
        from models.diffusion.output import write_sidecar, write_video
        from models.diffusion.request import Look, check_told, make_requests
        from models.diffusion.sidecar import about_model, about_video
        from models.diffusion.trained import open_trained
        from models.generation import torch_dtype

        if overwrite and skip_existing:
            raise UserError("--overwrite and --skip-existing: give one of them")
        if motion is not None and motion_score is not None:
            raise UserError("--motion and --motion-score say the same: give one of them")
        place = choose_device(device)
        arithmetic = torch_dtype(dtype, str(place))
        trained = open_trained(checkpoint, ema)
        recipe = trained.recipe
        settings = updated(
            recipe.sampling,
            sampler=sampler,
            steps=steps,
            guidance=guidance,
            sigma_min=sigma_min,
            sigma_max=sigma_max,
            rho=rho,
        )
        images = image or []
        requests = make_requests(recipe.conditioning, texts_of(prompt, prompts), images, index)
        height, width = recipe.data.size if size is None else size_of(size)
        look = Look(
            frames or recipe.data.frames,
            height,
            width,
            fps or recipe.data.fps,
            seed=seed,
            motion_bucket=motion,
            augmentation=augmentation,
            extra=extra_values(tell or []),
        )
        check_told(recipe.conditioning, look)
        replaces = overwrite or skip_existing
        targets = destinations(output, form, requests, look.frames, overwrite=replaces)
        if skip_existing:
            left = [pair for pair in zip(targets, requests, strict=True) if not pair[0].is_done]
            targets, requests = [target for target, _ in left], [request for _, request in left]
        for picture in images:
            read_image(picture, height, width)
        generator = Generator(trained, place, arithmetic)
        if motion_score is not None:
            look = replace(look, motion_bucket=generator.bucket_of(motion_score))
        look = generator.resolved(look)
        if device == "auto" and place.type == "cpu" and not quiet:
            warn("no GPU here: sampling on the CPU; --device cpu says that this is meant")
        warn_of_cut_prompts(generator, requests)
        model = about_model(trained, generator)
        versions = {name: metadata.version(name) for name in ("curation", "torch")}
        with progress(len(requests), batch_size, settings, quiet=quiet) as evaluated:
            videos = generator.generate(requests, look, settings, batch_size=batch_size, evaluated=evaluated)
            for target, (request, video) in zip(targets, videos, strict=True):
                about = about_video(
                    request, look, settings, device=place, dtype=arithmetic, batch_size=batch_size, model=model
                )
                words = command_of(trained, request, look, settings, target, place, arithmetic)
                write_video(target.video, video, look.fps, target.form, overwrite=replaces)
                write_sidecar(target.sidecar, {"command": words, "versions": versions, **about}, overwrite=replaces)
    if not quiet:
        print_done(targets, look, trained, place, arithmetic)
