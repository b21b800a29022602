"""Clips encoded anew while they are packed: what was asked for, the right frames, and told in key.json."""

from __future__ import annotations

import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest

from curation.dataset.storage import Storage
from curation.errors import ItemError
from curation.shards.reader import ShardReader
from curation.shards.transcode import Transcode, transcode
from curation.video.encoding import write_mp4
from curation.video.probe import probe
from tests.curation.shards.conftest import pack

RATE = 24
Clip = Callable[..., Path]


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    """Writes a clip whose n-th picture is one shade of grey, 8 + 3 n, at the given times in units of 1/240 s."""

    def write(pts: list[int], size: tuple[int, int] = (96, 64)) -> Path:
        pictures = ((at, np.full((size[1], size[0], 3), shade_of(n), np.uint8)) for n, at in enumerate(pts))
        path = tmp_path / "clip.mp4"
        write_mp4(
            str(path),
            pictures,
            size,
            time_base=Fraction(1, 240),
            rate=Fraction(RATE),
            gop=RATE,
            encoder="libx264",
            options={"crf": "1"},
        )
        return path

    return write


def shade_of(number: int) -> int:
    return 8 + 3 * number


def decoded(data: bytes) -> tuple[list[int], list[float], list[bool]]:
    """Of each frame: which picture it shows, its time, and whether it is a keyframe."""
    with av.open(io.BytesIO(data)) as container:
        frames = list(container.decode(video=0))
    shades = [float(np.mean(frame.to_ndarray(format="rgb24"))) for frame in frames]
    shown = [round((shade - 8) / 3) for shade in shades]
    return shown, [float(frame.time or 0) for frame in frames], [frame.key_frame for frame in frames]


def regular(count: int, step: int = 240 // RATE) -> list[int]:
    return [step * number for number in range(count)]


def test_smaller_with_keyframes_where_asked(clip: Clip) -> None:
    data, packed = transcode(clip(regular(48)), Transcode(short_side=32, gop=8))
    shown, times, keys = decoded(data)
    assert (packed.width, packed.height, packed.fps, packed.num_frames) == (48, 32, 24.0, 48)
    assert shown == list(range(48))
    assert times == pytest.approx([n / 24 for n in range(48)])
    assert [number for number, is_key in enumerate(keys) if is_key] == list(range(0, 48, 8))


@pytest.mark.parametrize(("fps", "expected"), [(8, range(0, 48, 3)), (12, range(0, 48, 2)), (24, range(48))])
def test_fewer_frames_per_second_are_those_shown_at_even_times(clip: Clip, fps: float, expected: range) -> None:
    data, packed = transcode(clip(regular(48)), Transcode(fps=fps))
    shown, times, _ = decoded(data)
    assert shown == list(expected)
    assert packed.num_frames == len(shown)
    assert times == pytest.approx([n / fps for n in range(len(shown))])


def test_a_rate_that_is_no_divisor(clip: Clip) -> None:
    shown, times, _ = decoded(transcode(clip(regular(24)), Transcode(fps=10))[0])
    assert shown == [0, 2, 4, 7, 9, 12, 14, 16, 19, 21]
    assert times == pytest.approx([n / 10 for n in range(10)])


def test_no_frame_is_made_up(clip: Clip) -> None:
    data, packed = transcode(clip(regular(24)), Transcode(fps=60))
    assert decoded(data)[0] == list(range(24))
    assert packed.fps == 24


def test_uneven_frames_keep_their_times(clip: Clip) -> None:
    pts = [0, 10, 20, 60, 70, 200, 210, 240]
    assert decoded(transcode(clip(pts), Transcode())[0])[1] == pytest.approx([at / 240 for at in pts])
    shown, _, _ = decoded(transcode(clip(pts), Transcode(fps=4))[0])
    assert shown == [0, 3, 4, 4, 7]


def test_sides_are_even_and_nothing_is_enlarged(clip: Clip) -> None:
    path = clip(regular(12), size=(100, 50))
    packed = transcode(path, Transcode(short_side=33))[1]
    assert (packed.width, packed.height) == (66, 32)
    packed = transcode(path, Transcode(short_side=500))[1]
    assert (packed.width, packed.height) == (100, 50)


def test_a_turned_picture_is_packed_upright(clip: Clip, tmp_path: Path) -> None:
    turned = tmp_path / "turned.mp4"
    with av.open(str(clip(regular(12)))) as source, av.open(str(turned), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        stream.set_display_matrix([0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    info = probe(turned)
    assert (info.width, info.height) == (64, 96)
    data, packed = transcode(turned, Transcode(short_side=32))
    assert (packed.width, packed.height) == (32, 48)
    with av.open(io.BytesIO(data)) as container:
        frame = next(container.decode(video=0))
        assert (frame.width, frame.height, frame.rotation) == (32, 48, 0)


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_codecs_and_the_same_bytes_again(codec: Any, clip: Clip) -> None:
    wanted = Transcode(codec=codec, short_side=32)
    path = clip(regular(24))
    data = transcode(path, wanted)[0]
    with av.open(io.BytesIO(data)) as container:
        assert container.streams.video[0].codec_context.codec.canonical_name == codec
    assert decoded(data)[0] == list(range(24))
    assert transcode(path, wanted)[0] == data


def test_what_is_no_video(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"no video")
    with pytest.raises(ItemError):
        transcode(tmp_path / "clip.mp4", Transcode())


def test_key_json_tells_of_the_packed_media(unchanged: Storage, tmp_path: Path) -> None:
    pack(unchanged, tmp_path, transcode=Transcode(short_side=32, fps=6))
    for sample in ShardReader(str(tmp_path)):
        clip = sample["json"]
        told = {name: clip[name] for name in ("width", "height", "fps", "num_frames", "has_audio", "duration_s")}
        assert told == {"width": 42, "height": 32, "fps": 6.0, "num_frames": 6, "has_audio": False, "duration_s": 1.0}
        before = {"width": 64, "height": 48, "fps": 12.0, "num_frames": 12, "has_audio": False}
        assert clip["provenance"]["clip"] == before
        with av.open(io.BytesIO(sample["mp4"])) as container:
            assert len(list(container.decode(video=0))) == 6


Pixels = npt.NDArray[np.uint8]
