"""Opening untrusted video files with PyAV, and decoding every frame of the first video stream in order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from curation.errors import ItemError
from curation.video.damage import Damage
from curation.video.types import Deadline

# Containers that hold their media in the one file. Playlists (hls, dash, concat, image sequences, sdp) are left out:
# they name other files and hosts.
CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,m4v,h264,hevc,flv,asf,ogg,ivf,mxf,nut,dv,rm,gif,"
    "yuv4mpegpipe,obu,av1,wtv,gxf,nsv,vc1,dirac,mjpeg,swf,viv,bink,smk,roq,amv,h263,h261,vvc,evc,kux,dhav,live_flv"
)

# 8192 × 8192. A file of a few bytes can claim frames of any size, and its decoder would fill the memory.
MAX_PIXELS = 1 << 26

# FFmpeg's names of the frames whose loop filter can be left out.
_UNFILTERED = {"h264": "bidir"}


@contextmanager
def open_video(
    path: Path, *, thread_count: int = 1, is_filtered: bool = True
) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a local file; yields the container and its first real video stream (no cover art).

    Only the file itself is read: FFmpeg may use the protocol `file` and the containers of `CONTAINERS`.
    Decoding uses ``thread_count`` slice threads (frame threads can deadlock when a stream is left early).
    Without ``is_filtered`` some frames come without the codec's loop filter: those to which no other refers, and in
    H.264 all B frames. Some of their pixels, and fewer of frames that build on them, differ by a few
    levels; H.264 decodes in a tenth to a fifth less time. (In HEVC there are streams of B frames only, where the error
    would grow on and on.)

    Raises:
        ItemError: the file cannot be opened, has no video stream that this FFmpeg can decode, or frames of more than
            MAX_PIXELS.
    """
    try:
        container = av.open(
            f"file:{path.absolute()}",
            options={"protocol_whitelist": "file", "format_whitelist": CONTAINERS},
            metadata_errors="replace",
        )
    except (av.FFmpegError, OSError, ValueError) as error:
        why = "the file is empty (0 bytes)" if path.is_file() and not path.stat().st_size else reason(error)
        raise ItemError(f"cannot open as video: {why}") from error
    with container:
        for stream in container.streams.video:
            if not stream.disposition & Disposition.attached_pic:
                break
        else:
            raise ItemError("no video stream in this file")
        if stream.codec_context is None:
            raise ItemError("the video codec is not known to this FFmpeg")
        if stream.width * stream.height > MAX_PIXELS:
            raise ItemError(f"frames of {stream.width} × {stream.height} pixels are larger than {MAX_PIXELS:,} in all")
        stream.codec_context.options = {
            "max_pixels": str(MAX_PIXELS),
            "skip_loop_filter": "default" if is_filtered else _UNFILTERED.get(stream.codec_context.name, "noref"),
        }
        stream.thread_type = "SLICE"
        stream.codec_context.thread_count = thread_count
        yield container, stream


def decode_frames(
    container: InputContainer,
    stream: VideoStream,
    deadline: Deadline | None = None,
    damage: Damage | None = None,
) -> Iterator[av.VideoFrame]:
    """All frames in display order. Frames without a time stamp, or not later than the one before, are left out.

    A packet that cannot be decoded is passed over as players do, and counted in ``damage``.

    Raises:
        ItemTimeoutError: the deadline passed.
        ItemError: the container or the decoder cannot go on.
    """
    last_pts: int | None = None
    damage = damage or Damage()
    try:
        for packet in container.demux(stream):
            if deadline is not None:
                deadline.check()
            damage.packet_read(packet, stream.codec_context.name)
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                damage.packet_refused(packet)
                continue
            for frame in frames:
                if frame.pts is None or (last_pts is not None and frame.pts <= last_pts):
                    continue
                last_pts = frame.pts
                damage.frame_shown(frame)
                yield frame
        damage.ended()
    except av.FFmpegError as error:
        raise ItemError(f"cannot decode: {reason(error)}") from error


def reason(error: BaseException) -> str:
    """The text of an FFmpeg or OS error without the file name and number: "Invalid data found …"."""
    text = getattr(error, "strerror", None) or str(error)
    return " ".join(text.split())
