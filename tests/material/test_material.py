"""The generator keeps its word: frames, time stamps and truth are what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from tests.material import sets
from tests.material.builder import build, intended_frames
from tests.material.recipes import Encoding, Join, Recipe, Shot
from tests.material.tone import SAMPLE_RATE, sweep, time_of
from tests.material.truth import Joined

SHORT = Recipe(
    "short",
    7,
    sets.H264_LONG,
    (Shot("astronaut.png", 0.4), Shot("bus", 0.4), Shot("coffee.png", 0.4), Shot("drawn", 0.4), Shot("taxi", 0.4)),
    (Join("cut"), Join("dissolve", 0.4), Join("fade", 0.5, "black", 0.2), Join("wipe", 0.4, "left")),
    "25",
    192,
    108,
)
ENCODINGS = {encoding.name: encoding for encoding, *_ in sets.ENCODINGS}


def decoded(video: Joined) -> Iterator[npt.NDArray[np.uint8]]:
    """RGB frames of the file, uint8 [height, width, 3]."""
    with av.open(str(video.path)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24")


def small(video: Joined) -> npt.NDArray[np.float32]:
    """Grey thumbnails of all frames, [n, 18, 32]."""
    with av.open(str(video.path)) as container:
        frames = [frame.reformat(32, 18, "gray").to_ndarray() for frame in container.decode(video=0)]
    return np.array(frames, np.float32)


@pytest.mark.parametrize("encoding", ENCODINGS.values(), ids=lambda encoding: encoding.name)
def test_decoded_frames_are_the_intended_ones(encoding: Encoding, build_video: Callable[[Recipe], Joined]) -> None:
    recipe = replace(SHORT, name=f"short-{encoding.name}", encoding=encoding)
    video = build_video(recipe)
    errors = [
        np.mean((intended.astype(np.float32) - actual) ** 2)
        for intended, actual in zip(intended_frames(recipe), decoded(video), strict=True)
    ]
    psnr = 10 * np.log10(255**2 / np.maximum(errors, 1e-3))
    assert len(psnr) == video.frames == len(video.pts)
    assert psnr.min() > 21
    assert np.median(psnr) > 28


def test_set_has_the_promised_transitions() -> None:
    recipes = sets.recipes()
    kinds = [join.kind for recipe in recipes for join in recipe.joins]
    assert len(recipes) == 27
    assert kinds.count("cut") == 95
    assert len(kinds) - kinds.count("cut") == 55
    lengths = [join.seconds for recipe in recipes for join in recipe.joins if join.kind != "cut"]
    assert 0.3 <= min(lengths) < 0.6
    assert 1.9 < max(lengths) <= 3.0


def test_truth_shows_in_the_frames(joined_set: list[Joined]) -> None:
    """At a cut the picture changes, and more than just before; across a gradual transition it becomes another one, and
    every stretch of the shots beside it is purer than its middle."""
    for video in joined_set:
        frames = small(video)
        for truth in video.truth:
            before, after = frames[truth.start_frame - 1], frames[truth.end_frame]
            assert np.abs(before - after).mean() > 5, (video.name, truth)
            if truth.kind == "cut":
                usual = np.abs(frames[truth.start_frame - 2] - before).mean()
                assert np.abs(before - after).mean() > usual, (video.name, truth)
            else:
                middle = frames[(truth.start_frame + truth.end_frame) // 2]
                assert min(np.abs(middle - before).mean(), np.abs(middle - after).mean()) > 2, (video.name, truth)


def test_shots_and_transitions_fill_the_video(joined_set: list[Joined]) -> None:
    for video in joined_set:
        stamps = [*video.pts, video.end_pts]
        gradual = [truth for truth in video.truth if truth.kind != "cut"]
        pieces = sorted([*video.shots, *gradual], key=lambda piece: piece.start_frame)
        assert pieces[0].start_frame == 0
        assert pieces[-1].end_frame == video.frames
        assert all(a.end_frame == b.start_frame for a, b in pairwise(pieces))
        assert all((stamps[p.start_frame], stamps[p.end_frame]) == (p.start_pts, p.end_pts) for p in pieces)
        assert len(video.shots) == len(video.truth) + 1


def test_first_and_last_mixed_frames_are_mixed() -> None:
    """Frames [start, end) of a dissolve lie strictly between the two shots; their neighbours do not."""
    shots = (Shot("moon.png", 0.5), Shot("page.png", 0.5))
    still = Recipe("stills", 3, sets.H264_LONG, shots, (Join("dissolve", 0.5),))
    frames = [frame.astype(np.float32).mean() for frame in intended_frames(still)]
    steps = np.diff(frames)
    assert np.all(np.abs(steps[11:24]) > 4 * np.abs(steps[:11]).max())
    assert np.abs(steps[24:]).max() < np.abs(steps[11:24]).min()


def test_same_recipe_same_bytes(tmp_path: Path) -> None:
    """But for x264: its macroblock trees vary from run to run on CPUs with AVX-512."""
    for encoding in (sets.H264_LONG, sets.H264_MKV, sets.VP9, sets.MPEG2_TS, sets.H264_VFR):
        recipe = replace(SHORT, encoding=encoding)
        first, second = build(recipe, tmp_path / "a"), build(recipe, tmp_path / "b")
        assert replace(first, path=second.path) == second
        assert encoding.codec == "libx264" or first.path.read_bytes() == second.path.read_bytes(), encoding.name


def test_kept_video_is_not_built_again(tmp_path: Path) -> None:
    first = build(SHORT, tmp_path)
    written = first.path.stat().st_mtime_ns
    assert build(SHORT, tmp_path) == first
    assert first.path.stat().st_mtime_ns == written
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".lock", ".mp4"]


def test_variable_frame_rate_has_irregular_time_stamps(build_video: Callable[[Recipe], Joined]) -> None:
    video = build_video(replace(SHORT, name="short-h264-vfr", encoding=sets.H264_VFR))
    steps = np.diff(video.pts) * video.time_base
    assert max(steps) > Fraction(18, 10) * min(steps)
    assert len(set(steps)) > 10


def test_stream_properties(build_video: Callable[[Recipe], Joined]) -> None:
    def first_frame(encoding: Encoding) -> av.VideoFrame:
        video = build_video(replace(SHORT, name=f"short-{encoding.name}", encoding=encoding))
        with av.open(str(video.path)) as container:
            return next(container.decode(video=0))

    assert first_frame(sets.H264_ROTATED).rotation == -90
    assert first_frame(sets.H264_INTERLACED).interlaced_frame
    assert first_frame(sets.MPEG2_INTERLACED).interlaced_frame
    assert first_frame(sets.HEVC_10BIT).format.name == "yuv420p10le"


@pytest.mark.parametrize("start", [0.0, 1.7, 20.0])
def test_sweep_tells_the_time(start: float) -> None:
    samples = sweep(30)[round(start * SAMPLE_RATE) :][: SAMPLE_RATE // 5]
    assert time_of(samples) == pytest.approx(start + 0.1, abs=0.005)


@pytest.mark.parametrize("encoding", [sets.H264_LONG, sets.H264_MKV, sets.VP9], ids=lambda encoding: encoding.name)
def test_sound_is_in_sync(encoding: Encoding, build_video: Callable[[Recipe], Joined]) -> None:
    video = build_video(replace(SHORT, name=f"short-{encoding.name}", encoding=encoding))
    samples, times, rate = [], [], 0
    with av.open(str(video.path)) as container:
        for frame in container.decode(audio=0):
            rate = frame.sample_rate
            samples.append(frame.to_ndarray().reshape(-1).astype(np.float32))
            times.append(frame.time)
    start = np.searchsorted(times, 1.0)
    piece = np.concatenate(samples[start:])[: rate // 5]
    assert time_of(piece, rate) == pytest.approx(times[start] + 0.1, abs=0.02)
