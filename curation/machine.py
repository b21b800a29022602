"""What the machine has that pipelines use."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

DECODERS = ("h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "mpeg2video", "prores", "vc1", "theora")
LEAST_SHARED_MEMORY = 2**30


@dataclass(frozen=True)
class Finding:
    """One line of `curation doctor`; ``good`` is False where something is missing, and ``found`` says what to do.

    ``is_fault``: what is missing belongs to every installation.
    """

    what: str
    found: str
    good: bool = True
    is_fault: bool = True


def findings(config: Path | None) -> Iterator[Finding]:
    """Look at programs, codecs, memory, GPUs, and the needs of every pipeline and recipe of the config file."""
    yield Finding(
        "Python packages", ", ".join(f"{name} {_version(name)}" for name in ("ray", "av", "torch", "easyocr"))
    )
    yield from _ffmpeg()
    yield from _opencv()
    yield from _memory()
    yield from _gpus()
    yield _model_cache()
    yield from _pipelines(config)
    yield from _recipes(config)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "missing"


def _ffmpeg() -> Iterator[Finding]:
    import av
    import imageio_ffmpeg
    from av import library_versions

    missing = [name for name in DECODERS if name not in av.codecs_available]
    libraries = ".".join(str(number) for number in library_versions["libavcodec"])
    decoders = f"PyAV {av.__version__} (libavcodec {libraries}), decodes {', '.join(DECODERS)}"
    yield Finding("decoding", decoders if not missing else f"{decoders} but not: {', '.join(missing)}", not missing)
    encoder = "libx264" in av.codecs_available
    yield Finding("encoding", "libx264" if encoder else "no libx264: modes smart and exact cannot run", encoder)
    try:
        program = imageio_ffmpeg.get_ffmpeg_exe()
        shown = subprocess.run([program, "-version"], capture_output=True, text=True, check=True, timeout=30)
        yield Finding("ffmpeg program", f"{shown.stdout.splitlines()[0].split(' Copyright')[0]} ({program})")
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        yield Finding("ffmpeg program", f"none that runs: {error}; pip install imageio-ffmpeg", good=False)


def _opencv() -> Iterator[Finding]:
    names = ("opencv-python", "opencv-contrib-python", "opencv-python-headless", "opencv-contrib-python-headless")
    installed = [name for name in names if _version(name) != "missing"]
    found = ", ".join(f"{name} {_version(name)}" for name in installed)
    if len(installed) == 1:
        yield Finding("OpenCV", found)
    else:
        advice = "packages overwrite each other; keep only opencv-python-headless"
        yield Finding("OpenCV", f"{found or 'none'}: {advice}", good=False)


def _memory() -> Iterator[Finding]:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    yield Finding("machine", f"{os.cpu_count()} CPUs, {total / 2**30:.1f} GiB memory")
    shared = Path("/dev/shm")
    if shared.is_dir():
        free = shutil.disk_usage(shared).free
        advice = "" if free >= LEAST_SHARED_MEMORY else "; Ray wants 1 GiB (docker run --shm-size=2g)"
        yield Finding("shared memory", f"{free / 2**30:.1f} GiB free{advice}", free >= LEAST_SHARED_MEMORY)
    yield Finding("disk here", f"{shutil.disk_usage(Path.cwd()).free / 2**30:.1f} GiB free")


def _gpus() -> Iterator[Finding]:
    import torch

    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    yield Finding("GPUs", ", ".join(names) or "none: stages with num_gpus need a cluster that has some")


def _model_cache() -> Finding:
    from huggingface_hub import constants

    cache = Path(constants.HF_HUB_CACHE)
    existing = next(folder for folder in (cache, *cache.parents) if folder.exists())
    free = shutil.disk_usage(existing).free / 2**30
    hub = "offline: HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else f"hub {constants.ENDPOINT.split('@')[-1]}"
    return Finding("model cache", f"{cache}, {free:.1f} GiB free; {hub}")


def _pipelines(config: Path | None) -> Iterator[Finding]:
    from curation.config import load_config, requirements, resolve_pipeline
    from curation.errors import UserError

    file = load_config(config)
    for name in file.pipelines:
        try:
            needs = [requirement for _, requirement in requirements(resolve_pipeline(file, name))]
        except UserError as error:
            yield Finding(f"pipeline {name}", str(error), good=False)
            continue
        problems = [requirement.problem for requirement in needs if requirement.problem]
        if any(requirement.problem and requirement.fetch for requirement in needs):
            problems.append(f"to fetch missing weights: curation models pull --pipeline {name}")
        there = ", ".join(requirement.name for requirement in needs) or "nothing but code"
        found = f"not yet: {'; '.join(problems)}" if problems else f"ready: {there}"
        yield Finding(f"pipeline {name}", found, good=not problems, is_fault=False)


def _recipes(config: Path | None) -> Iterator[Finding]:
    from curation.config import load_config
    from curation.config.recipes import load_recipe
    from curation.errors import UserError
    from models.diffusion.errors import DiffusionError
    from models.diffusion.recipe import Recipe
    from models.diffusion.recipe_weights import recipe_weights

    file = load_config(config)
    for name in file.recipes:
        try:
            needs = list(recipe_weights(load_recipe(file, name, Recipe)))
        except (UserError, DiffusionError) as error:
            yield Finding(f"recipe {name}", str(error), good=False)
            continue
        missing = ", ".join(dict.fromkeys(need.name for need in needs if not need.is_here))
        there = ", ".join(dict.fromkeys(need.name for need in needs)) or "no weights from elsewhere"
        mend = f"to fetch: curation models pull --recipe {name} (and the same --config), or name a folder that is here"
        found = f"not yet: {missing}; {mend}" if missing else f"nothing to fetch: {there}"
        yield Finding(f"recipe {name}", found, good=not missing, is_fault=False)
