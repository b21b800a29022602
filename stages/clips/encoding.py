"""Settings of the encoders, taken from the source so that what comes out looks and plays like it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import av
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import ColorRange, Colorspace

_H264_FORMATS = frozenset(
    {"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "gray"}
    | {"yuv420p10le", "yuv422p10le", "yuv444p10le", "gray10le"}
)


@dataclass(frozen=True)
class EncodingSettings:
    """How frames are encoded again: constant quality ``crf`` (smaller is better) and x264's ``preset``."""

    crf: int
    preset: str

    def x264_options(self) -> dict[str, str]:
        """Options of libx264. Tuned for fidelity to the source: psycho-visual options add detail that it has not.

        Without macroblock trees: on CPUs with AVX-512 their result, and so the bytes, vary from run to run.
        """
        return {"preset": self.preset, "crf": str(self.crf), "tune": "psnr", "mbtree": "0"}


def h264_format(frame: av.VideoFrame) -> str:
    """The pixel format in which H.264 holds this frame with its bit depth, and with its size where that is odd."""
    name = frame.format.name
    halves_width, halves_height = _chroma_is_halved(frame)
    fits = not (halves_width and frame.width % 2) and not (halves_height and frame.height % 2)
    if name in _H264_FORMATS and fits:
        return name
    subsampling = "420" if frame.width % 2 == 0 and frame.height % 2 == 0 else "444"
    if is_rgb(frame):
        return f"yuvj{subsampling}p"
    deep = max(component.bits for component in frame.format.components) > 8
    return f"yuv{subsampling}p10le" if deep else f"yuv{subsampling}p"


def is_rgb(frame: av.VideoFrame) -> bool:
    """Whether the frame has no luma of its own. Encoded, it becomes full-range BT.601."""
    return bool(frame.format.is_rgb or frame.format.has_palette)


def configure_encoder(
    encoder: VideoCodecContext,
    source: VideoCodecContext,
    frame: av.VideoFrame,
    *,
    pixel_format: str,
    time_base: Fraction,
    frame_rate: Fraction | None,
    options: dict[str, str],
) -> None:
    """Set size, pixel format, time base, colour and aspect ratio.

    One thread: the bytes must not depend on the machine.
    """
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, pixel_format
    encoder.time_base = time_base
    encoder.framerate = frame_rate or Fraction(25)
    if source.sample_aspect_ratio:
        encoder.sample_aspect_ratio = source.sample_aspect_ratio
    encoder.color_range = ColorRange.JPEG if is_rgb(frame) else frame.color_range
    encoder.color_primaries = frame.color_primaries
    encoder.color_trc = frame.color_trc
    encoder.colorspace = Colorspace.ITU601 if is_rgb(frame) else frame.colorspace
    encoder.thread_count = 1
    if frame.interlaced_frame:
        encoder.flags |= Flags.interlaced_dct | Flags.interlaced_me
    encoder.options = options


def _chroma_is_halved(frame: av.VideoFrame) -> tuple[bool, bool]:
    chroma = [component for component in frame.format.components if not component.is_luma and not component.is_alpha]
    if not chroma or not frame.format.is_planar:
        return False, False
    return frame.format.chroma_width(64) < 64, frame.format.chroma_height(64) < 64
