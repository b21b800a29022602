from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from curation.errors import ItemError
from curation.video.probe import probe
from tests.material import sets
from tests.material.recipes import Encoding, Join, Recipe, Shot
from tests.material.truth import Joined

BuildVideo = Callable[[Recipe], Joined]
RECIPE = Recipe("packets", 3, sets.H264_LONG, (Shot("bus", 0.8), Shot("taxi", 0.8)), (Join("cut"),), "25", 96, 54)


def test_the_trailer_is_described(trailer: Path) -> None:
    info = probe(trailer)
    assert (info.codec, info.width, info.height, info.rotation) == ("h264", 1280, 720, 0)
    assert (info.num_frames, info.fps, info.is_vfr) == (1323, 24.0, False)
    assert info.duration_s == pytest.approx(55.125)
    assert info.keyframe_interval_s == pytest.approx(55.125 / 11)
    assert info.has_audio == bool(av.open(str(trailer)).streams.audio)
    assert info.time_base == Fraction(1, 12288)


@pytest.mark.parametrize(
    ("encoding", "codec", "is_vfr", "has_audio"),
    [
        (sets.H264_MKV, "h264", False, True),
        (sets.HEVC, "hevc", False, False),
        (sets.VP9, "vp9", False, True),
        (sets.MPEG4_B, "mpeg4", False, False),
        (sets.MPEG2_TS, "mpeg2video", False, True),
        (sets.MPEG2_PS, "mpeg2video", False, True),
        (sets.H264_VFR, "h264", True, True),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_codec_time_and_frames(
    encoding: Encoding, codec: str, is_vfr: bool, has_audio: bool, build_video: BuildVideo
) -> None:
    video = build_video(replace(RECIPE, name=f"packets-{encoding.name}", encoding=encoding))
    info = probe(video.path)
    assert (info.codec, info.is_vfr, info.has_audio, info.num_frames) == (codec, is_vfr, has_audio, video.frames)
    assert info.duration_s == pytest.approx(float((video.end_pts - video.pts[0]) * video.time_base), abs=0.002)
    assert info.fps == pytest.approx(video.frames / info.duration_s)
    assert info.time_base == video.time_base


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
@pytest.mark.parametrize("aspect", [Fraction(1), Fraction(4, 3)])
def test_size_is_that_of_the_picture_on_the_screen(degrees: int, aspect: Fraction, tmp_path: Path) -> None:
    path = tmp_path / "turned.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25, width=96, height=64)
        stream.codec_context.sample_aspect_ratio = aspect
        stream.set_display_rotation(-degrees)
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((96, 96), np.uint8), format="yuv420p")))
        container.mux(stream.encode(None))
    info = probe(path)
    width, height = round(96 * aspect), 64
    assert info.rotation == degrees
    assert (info.width, info.height) == ((height, width) if degrees in (90, 270) else (width, height))


def test_one_gap_does_not_make_a_variable_rate(tmp_path: Path) -> None:
    path = tmp_path / "gap.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25, width=96, height=64)
        for number in range(20):
            frame = av.VideoFrame.from_ndarray(np.zeros((96, 96), np.uint8), format="yuv420p")
            frame.pts = number + (number > 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert not probe(path).is_vfr


def test_a_stream_without_a_decodable_frame_has_a_reason(bikes: Path, tmp_path: Path) -> None:
    path = tmp_path / "garbage.mp4"
    with av.open(str(bikes)) as source, av.open(str(path), "w") as target:
        copy = target.add_stream_from_template(source.streams.video[0], opaque=True)
        for packet in source.demux(video=0):
            if packet.size:
                garbage = av.Packet(bytes(packet.size))
                garbage.pts, garbage.dts, garbage.time_base = packet.pts, packet.dts, packet.time_base
                garbage.stream = copy
                target.mux(garbage)
    with pytest.raises(ItemError, match="no frame of the video could be decoded"):
        probe(path)
    with pytest.raises(ItemError, match="cannot open as video"):
        probe(Path(__file__))


def test_an_empty_file_has_a_reason(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(ItemError, match=r"cannot open as video: the file is empty \(0 bytes\)$"):
        probe(tmp_path / "empty.mp4")
