"""Which frames a request gets."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.errors import ItemError
from curation.video.clip_frames import decode_clip
from curation.video.sampling import ClipSampler, FrameRequest, Frames
from tests.curation.video.clip_files import numbered, numbers_of, write_clip
from tests.material.recipes import Encoding

FIRST_MIDDLE_LAST = FrameRequest("first_middle_last")
TWO_PER_SECOND = FrameRequest("rate", fps=2, pixel_format="gray")
MJPEG = Encoding("mjpeg", ".mkv", "mjpeg", pixel_format="yuvj420p", options={"qscale": "2"})


@dataclass(frozen=True)
class Corner:
    """A shrink that keeps the upper left pixels."""

    size: int

    def __call__(self, frame: Frames) -> Frames:
        return frame[: self.size, : self.size]


def video_frames(count: int) -> list[av.VideoFrame]:
    return [av.VideoFrame.from_ndarray(picture, format="rgb24") for picture in numbered(count, 16, 16)]


def sampled(request: FrameRequest, times: list[float]) -> list[int]:
    sampler = ClipSampler({"it": request}, len(times))
    for index, (frame, seconds) in enumerate(zip(video_frames(len(times)), times, strict=True)):
        sampler.add(index, frame, seconds)
    return numbers_of(sampler.result()["it"])


@pytest.mark.parametrize(("count", "expected"), [(1, [0, 0, 0]), (2, [0, 1, 1]), (3, [0, 1, 2]), (10, [0, 5, 9])])
def test_first_middle_last(count: int, expected: list[int]) -> None:
    assert sampled(FIRST_MIDDLE_LAST, [index / 24 for index in range(count)]) == expected


@pytest.mark.parametrize(("count", "expected"), [(1, [0]), (2, [1]), (9, [4])])
def test_middle(count: int, expected: list[int]) -> None:
    assert sampled(FrameRequest("middle"), [index / 24 for index in range(count)]) == expected


def test_a_random_frame_follows_from_the_seed_and_the_file(tmp_path: Path) -> None:
    def drawn(seed: int, path: Path) -> int:
        (number,) = numbers_of(decode_clip(path, {"it": FrameRequest("random", seed=seed)})["it"])
        return number

    clips = [write_clip(tmp_path / f"{count}.mp4", numbered(count)) for count in (40, 41, 42, 43)]
    by_seed = [drawn(seed, clips[0]) for seed in range(12)]
    assert by_seed == [drawn(seed, clips[0]) for seed in range(12)]
    assert len(set(by_seed)) > 6
    assert min(by_seed) < 13 < 27 < max(by_seed)
    assert len({drawn(0, clip) for clip in clips}) > 1
    with pytest.raises(ValueError, match="a seed belongs to"):
        FrameRequest("random")
    empty = tmp_path / "empty.mp4"
    with av.open(str(empty), "w") as container:
        container.add_stream("libx264", rate=24).pix_fmt = "yuv420p"
        container.start_encoding()
    with pytest.raises(ItemError):
        drawn(0, empty)


@pytest.mark.parametrize(("count", "expected"), [(40, [5, 15, 25, 35]), (4, [0, 1, 2, 3]), (2, [0, 0, 1, 1])])
def test_uniform_takes_the_centres_of_equal_parts(count: int, expected: list[int]) -> None:
    assert sampled(FrameRequest("uniform", count=4), [index / 24 for index in range(count)]) == expected


@given(
    gaps=st.lists(st.integers(1, 2000), max_size=40),
    fps=st.sampled_from([0.5, 1.0, 2.0, 3.0, 8.0]),
)
@settings(max_examples=100)
def test_rate_takes_the_first_frame_at_or_after_each_grid_point(gaps: list[int], fps: float) -> None:
    milliseconds = np.concatenate([[0], np.cumsum(gaps)]).astype(int)
    expected = []
    for step in range(int(milliseconds[-1] / 1000 * fps) + 1):
        expected.append(int(np.argmax(milliseconds + 1 >= 1000 * step / fps)))
    if len(expected) == 1 and len(milliseconds) > 1:
        expected.append(len(milliseconds) - 1)
    got = sampled(FrameRequest("rate", fps=fps), [int(at) / 1000 for at in milliseconds])
    assert got[: len(expected)] == expected
    assert len(got) - len(expected) in (0, 1)  # a last frame within the millisecond that containers round


@pytest.mark.parametrize(
    "fps", [Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(24000, 1001), Fraction(50)]
)
def test_rate_on_a_real_file(tmp_path: Path, fps: Fraction) -> None:
    clip = write_clip(tmp_path / "clip.mp4", numbered(56), fps)
    expected = [-(-step * fps // 2) for step in range(int(55 / fps * 2) + 1)]
    assert numbers_of(decode_clip(clip, {"it": TWO_PER_SECOND})["it"]) == expected


def test_rate_with_variable_frame_rate_and_rounded_times(tmp_path: Path) -> None:
    times = [Fraction(0), Fraction(499, 1000), Fraction(1), Fraction(1033, 1000), Fraction(3)]
    clip = write_clip(tmp_path / "clip.mp4", numbered(5), 30, seconds=times)
    assert numbers_of(decode_clip(clip, {"it": TWO_PER_SECOND})["it"]) == [0, 1, 2, 4, 4, 4, 4]


@pytest.mark.parametrize("count", [2, 5, 12])
def test_rate_gives_a_short_clip_its_first_and_last_frame(tmp_path: Path, count: int) -> None:
    clip = write_clip(tmp_path / "clip.mp4", numbered(count), 24)
    assert numbers_of(decode_clip(clip, {"it": TWO_PER_SECOND})["it"]) == [0, count - 1]


def test_one_frame_is_one_sample(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", numbered(1), 24)
    assert decode_clip(clip, {"it": TWO_PER_SECOND})["it"].shape == (1, 48, 64, 1)


def test_equal_requests_share_one_array_and_others_do_not() -> None:
    requests = {
        "one": FrameRequest("middle", shrink=Corner(4)),
        "same": FrameRequest("middle", shrink=Corner(4)),
        "other": FrameRequest("middle", shrink=Corner(5)),
    }
    sampler = ClipSampler(requests, 1)
    sampler.add(0, video_frames(1)[0], 0)
    frames = sampler.result()
    assert frames["one"] is frames["same"]
    assert frames["one"].shape == (1, 4, 4, 3)
    assert frames["other"].shape == (1, 5, 5, 3)


def test_frames_that_nobody_wants_are_not_looked_at() -> None:
    sampler = ClipSampler({"it": FIRST_MIDDLE_LAST}, 101)
    wanted = dict(zip((0, 50, 100), video_frames(3), strict=True))
    for index in range(101):
        sampler.add(index, wanted.get(index), index / 24)  # type: ignore[arg-type]  # None would raise when looked at
    assert numbers_of(sampler.result()["it"]) == [0, 1, 2]


def test_a_clip_that_ends_early_gives_no_frames() -> None:
    sampler = ClipSampler({"it": FIRST_MIDDLE_LAST}, 3)
    for index, frame in enumerate(video_frames(2)):
        sampler.add(index, frame, index / 24)
    with pytest.raises(ItemError, match="ended before"):
        sampler.result()


def test_a_shrink_must_give_one_shape() -> None:
    sampler = ClipSampler({"it": FrameRequest("first_middle_last", shrink=Corner(20))}, 2)
    for index, size in enumerate((16, 18)):
        picture = np.zeros((size, size, 3), np.uint8)
        sampler.add(index, av.VideoFrame.from_ndarray(picture, format="rgb24"), index)
    with pytest.raises(ItemError, match="size changes"):
        sampler.result()


def test_a_damaged_packet_does_not_shift_the_middle(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mkv", numbered(9), 24, encoding=MJPEG)
    damaged = tmp_path / "damaged.mkv"
    with av.open(str(whole)) as source, av.open(str(damaged), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(source.demux(video=0)):
            if packet.size:
                copy = av.Packet(b"no picture") if number in (1, 2) else packet
                copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
                copy.stream = stream
                target.mux(copy)
    assert numbers_of(decode_clip(damaged, {"it": FIRST_MIDDLE_LAST})["it"]) == [0, 5, 8]


def test_requests_travel_and_are_checked() -> None:
    request = FrameRequest("middle", shrink=Corner(4))
    assert pickle.loads(pickle.dumps(request)) == request
    with pytest.raises(ValueError, match="fps"):
        FrameRequest("rate")
    with pytest.raises(ValueError, match="fps"):
        FrameRequest("middle", fps=2)
    with pytest.raises(ValueError, match="count"):
        FrameRequest("uniform", count=0)
