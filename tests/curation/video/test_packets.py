from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from curation.errors import ItemError, ItemTimeoutError
from curation.video.packets import NO_PTS, read_packets
from curation.video.types import Deadline
from tests.material import sets
from tests.material.recipes import Encoding, Join, Recipe, Shot
from tests.material.truth import Joined

BuildVideo = Callable[[Recipe], Joined]
RECIPE = Recipe("packets", 3, sets.H264_LONG, (Shot("bus", 0.8), Shot("taxi", 0.8)), (Join("cut"),), "25", 96, 54)


@pytest.mark.parametrize(
    "encoding",
    [sets.H264_LONG, sets.H264_MKV, sets.HEVC, sets.VP9, sets.MPEG4_B, sets.MPEG2_TS, sets.MPEG2_PS, sets.H264_VFR],
    ids=lambda encoding: encoding.name,
)
def test_one_packet_per_frame_with_its_time_stamp(encoding: Encoding, build_video: BuildVideo) -> None:
    video = build_video(replace(RECIPE, name=f"packets-{encoding.name}", encoding=encoding))
    index = read_packets(video.path)
    assert len(index) == video.frames
    assert tuple(np.sort(index.pts)) == video.pts
    assert index.time_base == video.time_base
    assert index.is_keyframe[0]
    assert not index.is_discarded.any()
    assert 0 < index.size.sum() < video.path.stat().st_size


def test_packets_come_in_decode_order(trailer: Path) -> None:
    index = read_packets(trailer)
    assert (np.diff(index.dts) > 0).all()
    assert (np.diff(index.pts) < 0).any()
    with av.open(str(trailer)) as container:
        keys = [frame.pts for frame in container.decode(video=0) if frame.key_frame]
    assert index.pts[index.is_keyframe].tolist() == keys


def test_an_edit_list_marks_what_is_not_shown(trailer: Path, tmp_path: Path) -> None:
    path = tmp_path / "edited.mp4"
    with av.open(str(trailer)) as source, av.open(str(path), "w") as target:
        video = source.streams.video[0]
        copy = target.add_stream_from_template(video, opaque=True)
        for packet in source.demux(video):
            if packet.size:
                packet.pts, packet.dts = packet.pts - 51200, packet.dts - 51200
                packet.stream = copy
                target.mux(packet)
    index = read_packets(path)
    assert index.is_discarded.sum() == 100
    assert (index.pts[index.is_discarded] < 0).all()


def test_missing_time_stamps_are_marked(tmp_path: Path, bikes: Path) -> None:
    path = tmp_path / "raw.h264"
    with av.open(str(bikes)) as source, av.open(str(path), "w", format="h264") as target:
        copy = target.add_stream_from_template(source.streams.video[0], opaque=True)
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = copy
                target.mux(packet)
    index = read_packets(path)
    assert len(index) == 250
    assert (index.pts == NO_PTS).all()


def test_what_cannot_be_read_has_a_reason(tmp_path: Path, trailer: Path) -> None:
    with pytest.raises(ItemError, match="cannot open as video"):
        read_packets(Path(__file__))
    with pytest.raises(ItemTimeoutError):
        read_packets(trailer, Deadline(seconds=0.0))
