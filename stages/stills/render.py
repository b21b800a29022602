"""Renders and encodes the frames of a pseudo-video."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from PIL import Image

from curation.video.types import Deadline
from stages.stills.motion import Motion


def render(image: Image.Image, motion: Motion, deadline: Deadline) -> Iterator[npt.NDArray[np.uint8]]:
    """The frames, RGB uint8 [h, w, 3]: each box of the motion resampled to the size of the frames.

    Windows have fractional edges and are resampled where they are (Pillow's bicubic filter, widened where the image is
    reduced), so that nothing moves in steps of pixels.

    Raises:
        ItemTimeoutError: the deadline passed.
    """
    picture, boxes = _reduced(image, motion)
    for box in boxes:
        deadline.check()
        left, top, right, bottom = (float(edge) for edge in box)
        frame = picture.resize(motion.size, Image.Resampling.BICUBIC, box=(left, top, right, bottom))
        yield np.asarray(frame)


def _reduced(image: Image.Image, motion: Motion) -> tuple[Image.Image, npt.NDArray[np.float64]]:
    """The image at the size at which its closest window has the size of the frames, and the boxes in its pixels."""
    closest = float(np.min(motion.boxes[:, 2] - motion.boxes[:, 0]))
    scale = motion.size[0] / closest
    if scale >= 0.5:
        return image, motion.boxes
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    factors = np.array([size[0] / image.width, size[1] / image.height] * 2)
    bounds = np.array([*size, *size], np.float64)
    return image.resize(size, Image.Resampling.LANCZOS), np.clip(motion.boxes * factors, 0, bounds)


def encode(
    path: Path, frames: Iterator[npt.NDArray[np.uint8]], size: tuple[int, int], fps: Fraction, crf: int, preset: str
) -> None:
    """Write the frames as H.264 in mp4 (BT.709, 4:2:0), a keyframe every two seconds. Same frames, same bytes."""
    options = {"crf": str(crf), "preset": preset}
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=fps, options=options)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = 1 / fps
        context.gop_size = max(1, round(2 * fps))
        context.thread_count = 1
        context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(
                format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
            )
            frame.pts, frame.time_base = number, 1 / fps
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
