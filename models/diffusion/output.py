"""Videos as files: mp4, GIF, PNG pictures. A file is whole or not there."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
import numpy.typing as npt
import torch
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from PIL import Image
from torch import Tensor

from models.diffusion.errors import DiffusionError

Format = Literal["mp4", "gif", "png"]
Frames = npt.NDArray[np.uint8]
"""RGB [f, h, w, 3]."""

# One thread: more of them make bytes vary. faststart: it plays before it has been fetched whole.
_X264 = {"crf": "17", "preset": "medium"}
_MP4 = {"movflags": "+faststart", "fflags": "+bitexact"}
_GIF_UNITS_PER_SECOND = 100
_PICTURE = re.compile(r"\d{5,}\.png")
_SHORTEST_IN_GIF = 2
# What `Path` makes of s3://bucket/name.
_URL = re.compile(r"[a-z][a-z0-9+.-]+:/")


def to_frames(pixels: Tensor) -> Frames:
    """Pictures [f, 3, h, w] in [−1, 1] as 8-bit RGB; what lies beyond is clipped."""
    scaled = ((pixels.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(scaled.permute(0, 2, 3, 1).cpu().numpy())


def write_video(path: Path, frames: Frames, fps: float, form: Format, *, overwrite: bool = False) -> None:
    """Write ``frames`` to ``path``; same frames, same bytes. Folders on the way are made.

    ``mp4``: H.264, 4:2:0, BT.709, without sound; sides must be even. ``gif``: plays for ever; its unit of time is 1/100
    s.
    ``png``: ``path`` becomes a folder of ``00000.png`` …; a single frame whose ``path`` ends in ``.png`` becomes that
    file.

    Raises:
        DiffusionError: it is there already and not to be overwritten, or cannot be written (disk full, no permission).
    """

    def write(aside: Path) -> None:
        if form == "mp4":
            _write_mp4(aside, frames, fps)
        elif form == "gif":
            _write_gif(aside, frames, fps)
        elif path.suffix == ".png":
            Image.fromarray(frames[0]).save(aside, format="png")
        else:
            aside.mkdir()
            for number, frame in enumerate(frames):
                Image.fromarray(frame).save(aside / f"{number:05d}.png")

    _publish(path, write, overwrite=overwrite)


def write_sidecar(path: Path, values: Mapping[str, Any], *, overwrite: bool = False) -> None:
    """Write ``values`` as JSON.

    Raises:
        DiffusionError: as for `write_video`.
    """
    text = json.dumps(values, indent=2, ensure_ascii=False) + "\n"
    _publish(path, lambda aside: aside.write_text(text, encoding="utf-8"), overwrite=overwrite)


def refuse_existing(path: Path) -> None:
    """Say that something is there.

    Raises:
        DiffusionError: it is.
    """
    if path.exists() or path.is_symlink():
        raise DiffusionError(f"{path}: is there already; give another --output, or --overwrite")


def refuse_unwritable(path: Path) -> None:
    """Say that nothing can be written there, before the work that would be lost.

    Raises:
        DiffusionError: it is a URL, or a folder on the way is a file or may not be written to.
    """
    if _URL.match(str(path)):
        raise DiffusionError(f"{path}: is a URL; write to a folder of this machine, and copy it from there")
    there = next(parent for parent in (path, *path.absolute().parents) if parent.exists())
    if path != there and not there.is_dir():
        raise DiffusionError(f"{path}: {there} is a file")
    if not os.access(there, os.W_OK):
        raise DiffusionError(f"{path}: {there} may not be written to")


def _publish(path: Path, write: Callable[[Path], object], *, overwrite: bool) -> None:
    """Write aside, in the same folder, then rename."""
    if not overwrite:
        refuse_existing(path)
    old_pictures = path.is_dir() and not path.is_symlink()
    if old_pictures and not all(_PICTURE.fullmatch(old.name) for old in path.iterdir()):
        raise DiffusionError(
            f"{path}: is a folder that holds other things than a video's pictures; give another --output"
        )
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(aside)
        if old_pictures:
            shutil.rmtree(path)
        os.replace(aside, path)
    except (OSError, av.FFmpegError) as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        reason = "the disk is full" if full else error.strerror or " ".join(str(error).split())
        raise DiffusionError(f"{path}: cannot be written: {reason}") from error
    finally:
        if aside.is_dir():
            shutil.rmtree(aside, ignore_errors=True)
        elif aside.exists():
            aside.unlink()


def _write_mp4(path: Path, frames: Frames, fps: float) -> None:
    rate = Fraction(fps).limit_denominator(1001)
    with av.open(str(path), "w", format="mp4", options=_MP4) as container:
        stream = container.add_stream("libx264", rate=rate, options=_X264)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.thread_count = 1
        context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(
                format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
            )
            frame.pts, frame.time_base = number, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _write_gif(path: Path, frames: Frames, fps: float) -> None:
    """Each frame stays until the unit of time that is nearest to when the next one is due."""
    starts = [round(number * _GIF_UNITS_PER_SECOND / fps) for number in range(len(frames) + 1)]
    stays = [max(end - start, _SHORTEST_IN_GIF) for start, end in pairwise(starts)]
    first, *rest = (Image.fromarray(frame) for frame in frames)
    milliseconds = [stay * 1000 // _GIF_UNITS_PER_SECOND for stay in stays]
    first.save(path, format="gif", save_all=True, append_images=rest, duration=milliseconds, loop=0)
