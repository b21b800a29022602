"""The picture in the middle of a clip, without decoding all of the clip."""

from __future__ import annotations

from pathlib import Path

import av

from curation.errors import ItemError
from curation.video.clip_frames import decode_clip
from curation.video.displayed_frame import displayed_array
from curation.video.reader import decode_frames, open_video
from curation.video.sampling import FrameRequest, Frames
from curation.video.types import Deadline


def middle_frame(path: Path, *, long_side: int, deadline: Deadline | None = None) -> Frames:
    """What is shown half-way through a clip, uint8 [h, w, 3], upright, its long side at most ``long_side`` pixels.

    Decoding starts at the keyframe before the middle. Where the file cannot be searched (Matroska does not say how
    long a stream is), all of it is decoded.

    Raises:
        ItemError: the file cannot be opened, or no picture can be decoded.
        ItemTimeoutError: the deadline passed.
    """
    frame = _sought(path, long_side, deadline)
    if frame is not None:
        return frame
    request = FrameRequest(at="middle", long_side=long_side)
    whole: Frames = decode_clip(path, {"middle": request}, deadline)["middle"][0]
    return whole


def _sought(path: Path, long_side: int, deadline: Deadline | None) -> Frames | None:
    with open_video(path) as (container, stream):
        if not stream.duration:
            return None
        middle = (stream.start_time or 0) + stream.duration // 2
        shown: av.VideoFrame | None = None
        try:
            container.seek(middle, stream=stream)
            for frame in decode_frames(container, stream, deadline):
                assert frame.pts is not None
                if shown is not None and frame.pts > middle:
                    break
                shown = frame
        except (av.FFmpegError, ItemError):
            return None
        if shown is None:
            return None
        return displayed_array(shown, long_side=long_side, sample_aspect_ratio=stream.sample_aspect_ratio)
