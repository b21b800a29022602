"""Generated videos as `Clipping` gets them: with the true transitions and an index of all frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from curation.video.fingerprint import fingerprint
from curation.video.reader import decode_frames, open_video
from curation.video.types import FrameIndex, SourceVideo, Transition, WrittenClip
from tests.material.truth import Joined

Planes = tuple[npt.NDArray[np.uint8] | npt.NDArray[np.uint16], ...]


@dataclass(frozen=True)
class Decoded:
    """All frames of a source: what the index says of them, and their samples."""

    index: FrameIndex
    pictures: list[Planes]


def decode(path: Path) -> Decoded:
    """Decode a whole file and keep every sample of it."""
    pts, prints, pictures, end_pts = [], [], [], 0
    with open_video(path) as (container, stream):
        assert stream.time_base is not None
        for frame in decode_frames(container, stream):
            assert frame.pts is not None
            pts.append(frame.pts)
            end_pts = frame.pts + max(1, frame.duration)
            prints.append(fingerprint(frame))
            pictures.append(planes(frame))
        index = FrameIndex(np.array(pts, np.int64), end_pts, stream.time_base, np.array(prints))
    return Decoded(index, pictures)


def index_of(path: Path) -> FrameIndex:
    """The frame index of a file."""
    return decode(path).index


def source_video(path: Path, workdir: Path, index: FrameIndex, transitions: list[Transition]) -> SourceVideo:
    """A video between cut detection and clipping; ``workdir`` is created."""
    workdir.mkdir(parents=True, exist_ok=True)
    return SourceVideo("id", str(path), path, workdir, frame_index=index, transitions=transitions)


def true_transitions(video: Joined) -> list[Transition]:
    """The transitions of a generated video."""
    kinds = {"cut": "cut", "fade": "fade"}
    return [
        Transition(kinds.get(truth.kind, "dissolve"), truth.start_pts, truth.end_pts, "native", 1.0)  # type: ignore[arg-type]
        for truth in video.truth
    ]


def cut_at(index: FrameIndex, *frames: int) -> list[Transition]:
    """Hard cuts before these frames."""
    return [Transition("cut", int(index.pts[n]), int(index.pts[n]), "native", 1.0) for n in frames]


def clip_pictures(clip: WrittenClip) -> Iterator[tuple[av.VideoFrame, Planes]]:
    """The frames of a clip, decoded by a plain player, with their samples."""
    with av.open(str(clip.path)) as container:
        for frame in container.decode(video=0):
            yield frame, planes(frame)


def planes(frame: av.VideoFrame) -> Planes:
    """Every sample of a frame, without the padding of its rows."""
    dtype = np.dtype("<u2") if frame.format.components[0].bits > 8 else np.dtype(np.uint8)
    return tuple(
        np.frombuffer(plane, dtype).reshape(plane.height, plane.line_size // dtype.itemsize)[:, : plane.width].copy()
        for plane in frame.planes
    )


def psnr(first: Planes, second: Planes, bits: int) -> float:
    """Peak signal-to-noise ratio over all planes in dB; infinite where both are equal."""
    pairs = list(zip(first, second, strict=True))
    if all(np.array_equal(a, b) for a, b in pairs):
        return float("inf")
    errors = [np.square(a.astype(np.int32) - b) for a, b in pairs]
    mean = sum(int(error.sum(dtype=np.int64)) for error in errors) / sum(error.size for error in errors)
    return float(10 * np.log10((2**bits - 1) ** 2 / mean))
