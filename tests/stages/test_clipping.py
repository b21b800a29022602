"""Clips against the frames of their sources, on the generated set and on sources that are hard to cut."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest
from pydantic import ValidationError

from curation.errors import ItemError, ItemTimeoutError
from curation.video.sampling import FrameRequest
from curation.video.types import Deadline, WrittenClip
from stages.clipping import Clipping, ClippingConfig
from tests.material import sets
from tests.material.recipes import Encoding, Join, Recipe, Shot
from tests.material.tone import time_of
from tests.material.truth import Joined
from tests.stages.sources import (
    Decoded,
    clip_pictures,
    cut_at,
    decode,
    index_of,
    planes,
    psnr,
    source_video,
    true_transitions,
)

BuildVideo = Callable[[Recipe], Joined]

SHOTS = Recipe(
    "clips",
    11,
    sets.H264_LONG,
    (Shot("bus", 1.5), Shot("coffee.png", 1.3), Shot("taxi", 1.7)),
    (Join("cut"), Join("dissolve", 0.5)),
    "25",
    192,
    108,
)


def clipping(mode: str, **values: object) -> Clipping:
    return Clipping(ClippingConfig.model_validate({"mode": mode, "min_seconds": 1, **values}))


def shot_seconds(video: Joined) -> float:
    """Seconds of the shots that are long enough for a clip."""
    lengths = [float((shot.end_pts - shot.start_pts) * video.time_base) for shot in video.shots]
    return sum(length for length in lengths if length >= 1)


def clip_seconds(clips: Sequence[WrittenClip]) -> float:
    return float(sum((clip.end_pts - clip.start_pts) * clip.time_base for clip in clips))


def check_against_source(clip: WrittenClip, video: Joined, source: Decoded) -> list[float]:
    """Each frame at its time, from one shot; returns the PSNR of each."""
    assert clip.verified
    assert any(shot.start_pts <= clip.start_pts < clip.end_pts <= shot.end_pts for shot in video.shots)
    first = int(np.searchsorted(source.index.pts, clip.start_pts))
    quality = []
    for number, (frame, samples) in enumerate(clip_pictures(clip)):
        expected = (int(source.index.pts[first + number]) - clip.start_pts) * video.time_base
        assert frame.pts * frame.time_base == expected
        quality.append(psnr(samples, source.pictures[first + number], frame.format.components[0].bits))
    assert len(quality) == clip.num_frames
    assert [*source.index.pts, source.index.end_pts][first + clip.num_frames] == clip.end_pts
    return quality


def warnings_of_ffmpeg(path: Path) -> str:
    """What ffmpeg says while it plays the file."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "warning", "-xerror", "-i", str(path)]
    command += ["-fps_mode", "passthrough", "-enc_time_base", "demux", "-f", "null", "-"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    return result.stderr + ("" if result.returncode == 0 else f"exit status {result.returncode}")


def test_copied_clips_are_the_source_frame_for_frame(joined_set: list[Joined], tmp_path: Path) -> None:
    kept = usable = 0.0
    for video in joined_set:
        decoded = decode(video.path)
        source = source_video(video.path, tmp_path / video.name, decoded.index, true_transitions(video))
        clips = list(clipping("copy").split(source))
        assert clips, video.name
        for clip in clips:
            assert clip.mode == "copy", source.notes
            assert set(check_against_source(clip, video, decoded)) == {float("inf")}, (video.name, clip)
        assert clip_seconds(clips) + source.lost_s == pytest.approx(shot_seconds(video))
        kept += clip_seconds(clips)
        usable += shot_seconds(video)
    assert kept >= 0.55 * usable


def test_smart_clips_keep_the_shots_and_play_without_a_warning(joined_set: list[Joined], tmp_path: Path) -> None:
    kept = usable = 0.0
    modes: dict[str, set[str]] = {}
    for video in joined_set:
        decoded = decode(video.path)
        source = source_video(video.path, tmp_path / video.name, decoded.index, true_transitions(video))
        clips = list(clipping("smart").split(source))
        for clip in clips:
            assert min(check_against_source(clip, video, decoded)) >= 38, (video.name, clip)
            if clip.mode == "smart":
                assert warnings_of_ffmpeg(clip.path) == "", (video.name, clip)
        modes.setdefault(video.encoding, set()).update(clip.mode for clip in clips)
        kept += clip_seconds(clips)
        usable += shot_seconds(video)
    assert kept >= 0.95 * usable
    spliced = {name for name, used in modes.items() if "smart" in used}
    assert {"h264-gop250", "h264-gop12", "h264-10bit", "h264-interlaced", "hevc-10bit", "vp9"} <= spliced


@pytest.mark.parametrize(
    "encoding",
    [sets.H264_VFR, sets.H264_ROTATED, sets.H264_INTERLACED, sets.HEVC_10BIT, sets.MPEG2_TS],
    ids=lambda encoding: encoding.name,
)
def test_exact_clips_have_every_frame_of_the_shot_at_its_time(
    encoding: Encoding, build_video: BuildVideo, tmp_path: Path
) -> None:
    video = build_video(replace(SHOTS, name=f"clips-{encoding.name}", encoding=encoding))
    decoded = decode(video.path)
    source = source_video(video.path, tmp_path, decoded.index, true_transitions(video))
    clips = list(clipping("exact").split(source))
    spans = [(shot.start_pts, shot.end_pts) for shot in video.shots]
    assert [(clip.start_pts, clip.end_pts) for clip in clips] == spans
    assert source.lost_s == 0
    for clip in clips:
        assert clip.mode == "exact"
        assert min(check_against_source(clip, video, decoded)) >= 38
        with av.open(str(clip.path)) as container:
            frame = next(container.decode(video=0))
            assert container.streams.video[0].codec_context.name == "h264"
            assert frame.rotation % 360 == -encoding.rotation % 360
            assert frame.interlaced_frame == encoding.interlaced


@pytest.mark.parametrize("mode", ["copy", "smart", "exact"])
@pytest.mark.parametrize("encoding", [sets.H264_VFR, sets.VP9, sets.MPEG2_PS], ids=lambda encoding: encoding.name)
def test_sound_stays_in_sync(mode: str, encoding: Encoding, build_video: BuildVideo, tmp_path: Path) -> None:
    video = build_video(replace(SHOTS, name=f"clips-{encoding.name}", encoding=encoding))
    source = source_video(video.path, tmp_path, index_of(video.path), true_transitions(video))
    offset = source_times(video.path)[1:4].mean()
    clips = list(clipping(mode, min_seconds=0.5).split(source))
    assert clips
    for clip in clips:
        assert clip.has_audio
        start_s = float(clip.start_pts * clip.time_base)
        assert source_times(clip.path) == pytest.approx(start_s + offset, abs=0.012)


def source_times(path: Path) -> np.ndarray:
    """For sound at several times of the file: where in the source it belongs, less the time in the file."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        rate = stream.codec_context.sample_rate
        resampler = av.AudioResampler("flt", "mono", rate)
        frames = list(container.decode(stream))
        start = float(frames[0].pts * frames[0].time_base)
        sound = np.concatenate([part.to_ndarray()[0] for frame in frames for part in resampler.resample(frame)])
    window = rate // 5
    starts = range(window // 2, len(sound) - 2 * window, window)
    return np.array([time_of(sound[at : at + window], rate) - start - (at + window / 2) / rate for at in starts])


def test_a_copy_that_cannot_be_right_is_encoded(build_video: BuildVideo, tmp_path: Path) -> None:
    # With intra refresh a "keyframe" is only the begin of a refresh: pictures after it still need those before.
    options = {"preset": "veryfast", "x264-params": "intra-refresh=1:keyint=20"}
    encoding = Encoding("intra-refresh", ".mp4", "libx264", options=options)
    video = build_video(replace(SHOTS, name="clips-intra-refresh", encoding=encoding))
    decoded = decode(video.path)
    source = source_video(video.path, tmp_path, decoded.index, true_transitions(video))
    clips = list(clipping("copy", min_seconds=0.4).split(source))
    assert "exact" in {clip.mode for clip in clips}
    assert all("is encoded, not written as copy" in note for note in source.notes)
    for clip in clips:
        assert min(check_against_source(clip, video, decoded)) >= 38


def test_a_clip_that_cannot_be_verified_is_told_as_left_out_but_a_short_shot_is_not(
    bikes: Path, tmp_path: Path
) -> None:
    index = index_of(bikes)
    index.fingerprints[100:110] = 255 - index.fingerprints[100:110]
    source = source_video(bikes, tmp_path, index, cut_at(index, 76, 137, 242))
    clips = list(clipping("copy").split(source))
    assert [clip.clip_index for clip in clips] == [0, 2]
    assert source.left_out == ["frame 100 decodes differently the second time"]
    assert any(
        note.startswith("clip 1 ") and note.endswith(f"is left out: {source.left_out[0]}") for note in source.notes
    )


@pytest.mark.parametrize("mode", ["copy", "smart"])
def test_a_codec_that_mp4_does_not_take_is_encoded_and_said_so(
    mode: str, build_video: BuildVideo, tmp_path: Path
) -> None:
    encoding = Encoding("ffv1", ".mkv", "ffv1", audio_codec="pcm_s16le")
    video = build_video(replace(SHOTS, name="clips-ffv1", encoding=encoding))
    source = source_video(video.path, tmp_path, index_of(video.path), true_transitions(video))
    clips = list(clipping(mode).split(source))
    assert [clip.mode for clip in clips] == ["exact"] * 3
    assert all(clip.has_audio for clip in clips)
    assert source.notes == ["ffv1 has no place in mp4: clips are encoded (mode exact)"]
    with av.open(str(clips[0].path)) as container:
        assert container.streams.audio[0].codec_context.name == "aac"


def test_smart_says_where_a_codec_allows_no_splice(build_video: BuildVideo, tmp_path: Path) -> None:
    video = build_video(replace(SHOTS, name="clips-mpeg4-avi-b", encoding=sets.MPEG4_B))
    source = source_video(video.path, tmp_path, index_of(video.path), true_transitions(video))
    clips = list(clipping("smart").split(source))
    assert {clip.mode for clip in clips} <= {"copy", "exact"}
    assert source.lost_s == 0
    assert ["mpeg4 packets cannot be joined" in note for note in source.notes] == [True]


def test_same_source_and_config_give_the_same_bytes(build_video: BuildVideo, tmp_path: Path) -> None:
    video = build_video(replace(SHOTS, name="clips-h264-vfr", encoding=sets.H264_VFR))
    index = index_of(video.path)
    runs = []
    for run in range(6):
        source = source_video(video.path, tmp_path / str(run), index, true_transitions(video))
        runs.append([clip.path.read_bytes() for clip in clipping("exact").split(source)])
    assert all(clips == runs[0] for clips in runs)


def test_frames_are_sampled_in_the_decode_that_verifies(build_video: BuildVideo, tmp_path: Path) -> None:
    video = build_video(replace(SHOTS, name="clips-h264-rotated", encoding=sets.H264_ROTATED))
    source = source_video(video.path, tmp_path, index_of(video.path), true_transitions(video))
    source.frame_requests = {
        "all": FrameRequest("rate", fps=25, pixel_format="gray"),
        "ends": FrameRequest("first_middle_last", short_side=54),
    }
    for clip in clipping("copy", min_seconds=0.5).split(source):
        assert clip.frames["all"].shape == (clip.num_frames, 192, 108, 1)
        assert clip.frames["ends"].shape == (3, 96, 54, 3)


def test_a_long_shot_is_divided_and_the_clips_hold_its_frames_once(build_video: BuildVideo, tmp_path: Path) -> None:
    video = build_video(replace(SHOTS, name="clips-h264-rotated", encoding=sets.H264_ROTATED))
    source = source_video(video.path, tmp_path, index_of(video.path), [])
    clips = list(clipping("smart", min_seconds=0.5, max_seconds=2).split(source))
    assert [clip.start_pts for clip in clips[1:]] == [clip.end_pts for clip in clips[:-1]]
    assert sum(clip.num_frames for clip in clips) == video.frames
    assert all(0.5 <= clip_seconds([clip]) <= 2 for clip in clips)


def test_aspect_and_colour_stay(tmp_path: Path) -> None:
    path = tmp_path / "wide.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, width=96, height=64, options={"preset": "veryfast"})
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        stream.codec_context.gop_size = 20
        stream.codec_context.color_primaries = stream.codec_context.color_trc = stream.codec_context.colorspace = 1
        stream.codec_context.color_range = 2
        for number in range(75):
            shade = np.full((96, 96), (3 * number) % 200, np.uint8)
            frame = av.VideoFrame.from_ndarray(shade, format="yuv420p")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    index = index_of(path)
    for mode, expected in {"copy": "copy", "smart": "smart", "exact": "exact"}.items():
        source = source_video(path, tmp_path / mode, index, cut_at(index, 30))
        clip = list(clipping(mode, min_seconds=0.4).split(source))[1]
        assert clip.mode == expected
        assert (clip.width, clip.height) == (128, 64)
        with av.open(str(clip.path)) as container:
            stream = container.streams.video[0]
            frames = list(container.decode(stream))
            assert stream.sample_aspect_ratio == Fraction(4, 3)
            for frame in (frames[0], frames[-1]):
                colour = (frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range)
                assert colour == (1, 1, 1, 2)


def test_the_deadline_of_the_video_holds(bikes: Path, tmp_path: Path) -> None:
    source = source_video(bikes, tmp_path, index_of(bikes), [])
    source.deadline = Deadline(seconds=0.0)
    with pytest.raises(ItemTimeoutError, match="longer than 0 s"):
        list(clipping("copy").split(source))


def test_without_a_frame_index_nothing_is_cut(bikes: Path, tmp_path: Path) -> None:
    source = source_video(bikes, tmp_path, index_of(bikes), [])
    source.frame_index = None
    with pytest.raises(ItemError, match="cut_detection"):
        list(clipping("copy").split(source))


def test_bad_parameters_are_refused() -> None:
    with pytest.raises(ValidationError, match="max_seconds \\(1\\) is smaller than min_seconds \\(2\\)"):
        ClippingConfig(min_seconds=2, max_seconds=1)
    with pytest.raises(ValidationError, match="quick"):
        ClippingConfig.model_validate({"mode": "quick"})
    with pytest.raises(ValidationError, match="superfast"):
        ClippingConfig.model_validate({"preset": "foo"})


def test_planes_leave_out_the_padding() -> None:
    frame = av.VideoFrame.from_ndarray(np.arange(18 * 10, dtype=np.uint8).reshape(15, 12)[:15], format="yuv420p")
    assert [plane.shape for plane in planes(frame)] == [(10, 12), (5, 6), (5, 6)]
