"""Pictures as a video file: mp4, BT.709, 4:2:0, without sound."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import BinaryIO, Literal

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

Encoder = Literal["libx264", "libx265"]


def write_mp4(
    target: str | BinaryIO,
    pictures: Iterable[tuple[int, npt.NDArray[np.uint8]]],
    size: tuple[int, int],
    *,
    time_base: Fraction,
    rate: Fraction,
    gop: int,
    encoder: Encoder,
    options: Mapping[str, str],
) -> None:
    """Write pictures, RGB uint8 [h, w, 3], each with its PTS in units of ``time_base``. Same pictures, same bytes.

    ``size``: width and height, both even; ``rate``: pictures per second, as the file says it; ``gop``: the most
    pictures from one keyframe to the next; ``encoder``, ``options``: FFmpeg's.

    Raises:
        av.FFmpegError, OSError: the encoder refuses the pictures, or the file cannot be written.
    """
    with av.open(target, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream(encoder, rate=rate, options=dict(options))
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = time_base
        context.gop_size = gop
        context.thread_count = 1
        context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
        for pts, pixels in pictures:
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(
                format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
            )
            frame.pts, frame.time_base = pts, time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
