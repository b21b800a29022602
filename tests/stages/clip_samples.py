"""Clip files as an annotator gets them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import av

from curation.stage import Annotator, ClipSample
from curation.video.clip_frames import decode_clip
from curation.video.frame_packing import pack, unpack
from tests.curation.video.clip_files import decoded_frames, write_clip


def write_scenes(folder: Path, video: Path, scenes: Mapping[str, range]) -> list[Path]:
    """A clip at 25 frames per second of each of these stretches of a video's frames."""
    frames = decoded_frames(video, [number for span in scenes.values() for number in span])
    return [
        write_clip(folder / f"{name}.mp4", [frames[number].to_ndarray(format="rgb24") for number in span], 25)
        for name, span in scenes.items()
    ]


def sample_of(stage: Annotator, path: Path) -> ClipSample:
    """The clip with the frames that the stage asks for, after the way from one actor to the next."""
    request = stage.frames()
    assert request is not None
    frames = unpack(pack(decode_clip(path, {stage.name: request})))[stage.name]
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        pts = [frame.pts * frame.time_base for frame in container.decode(stream)]
        duration = pts[-1] - pts[0] + (1 / stream.average_rate if len(pts) < 2 else (pts[-1] - pts[0]) / (len(pts) - 1))
    row = {"clip_id": path.stem, "num_frames": len(pts), "fps": float(len(pts) / duration)}
    return ClipSample(path.stem, row, frames, {name: row[name] for name in stage.reads if name != "frames"})
