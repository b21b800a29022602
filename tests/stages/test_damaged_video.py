"""A few damaged packets: what was decoded from them, and all that builds on it, is in no clip."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from curation.video.types import SourceVideo
from stages.clipping import Clipping, ClippingConfig
from stages.cut_detection import CutDetection
from tests.material import sets
from tests.material.recipes import Encoding, Join, Recipe, Shot
from tests.material.truth import Joined
from tests.stages.sources import clip_pictures, decode, psnr

BuildVideo = Callable[[Recipe], Joined]


def zeros(data: bytes) -> bytes:
    return bytes(len(data))


def inverted_half(data: bytes) -> bytes:
    half = len(data) // 2
    return data[:half] + bytes(255 - byte for byte in data[half:])


def damage(path: Path, number: int, harm: Callable[[bytes], bytes]) -> None:
    """Overwrite the payload of one video packet where it lies in the file."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        packet = packets[number]
        assert packet.pos is not None
        start, size = packet.pos, packet.size
    content = bytearray(path.read_bytes())
    content[start + 8 : start + size] = harm(bytes(content[start + 8 : start + size]))
    path.write_bytes(content)


@pytest.mark.parametrize("number", [100, 101, 102, 151, 192])
@pytest.mark.parametrize(
    ("encoding", "harm"),
    # FFmpeg's HEVC decoder does not notice bits that are only wrong.
    [(sets.H264_SHORT, zeros), (sets.H264_SHORT, inverted_half), (sets.HEVC, zeros), (sets.MPEG4_B, inverted_half)],
    ids=lambda one: getattr(one, "name", getattr(one, "__name__", None)),
)
def test_clips_hold_no_damaged_frame(
    encoding: Encoding, number: int, harm: Callable[[bytes], bytes], build_video: BuildVideo, tmp_path: Path
) -> None:
    recipe = Recipe(f"whole-{encoding.name}", 77, encoding, (Shot("bus", 6.0), Shot("taxi", 6.0)), (Join("cut"),), "25")
    whole = decode(build_video(recipe).path)
    path = tmp_path / f"damaged{recipe.encoding.suffix}"
    shutil.copy(build_video(recipe).path, path)
    damage(path, number, harm)
    video = SourceVideo("id", str(path), path, tmp_path)
    list(CutDetection(CutDetection.Config(max_damage=0.3)).split(video))
    clips = list(Clipping(ClippingConfig(mode="smart", min_seconds=1)).split(video))
    assert sum(clip.num_frames for clip in clips) > 150
    shown = {int(pts): picture for pts, picture in zip(whole.index.pts, whole.pictures, strict=True)}
    for clip in clips:
        for frame, samples in clip_pictures(clip):
            time = frame.pts * frame.time_base / whole.index.time_base
            assert psnr(samples, shown[clip.start_pts + int(time)], 8) > 38
