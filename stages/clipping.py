"""Clips: the shots of a source as media files of their own, snapped to keyframes, each decoded and verified."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from curation.errors import ItemError, ItemTimeoutError
from curation.stage import Splitter, StageConfig
from curation.video.packets import read_packets
from curation.video.probe import probe
from curation.video.types import SourceVideo, WrittenClip
from stages.clips.audio import AudioError
from stages.clips.encoding import EncodingSettings
from stages.clips.joints import find_joints
from stages.clips.mp4 import VIDEO_CODECS
from stages.clips.planner import Joints, Limits, Shot, Span, find_shots, lost_seconds, plan, within, without_spoiled
from stages.clips.source import Source
from stages.clips.splice import SpliceError
from stages.clips.timeline import Timeline, build_timeline, frame_numbers
from stages.clips.verify import verify_clip
from stages.clips.writers import Writers
from stages.x264 import X264Preset


class ClippingConfig(StageConfig):
    """How shots become clips."""

    mode: Literal["copy", "smart", "exact"] = Field(
        "copy", description="copy packets between keyframes; copy and encode only the ends; or encode every frame"
    )
    min_seconds: float = Field(2.0, ge=0, description="shorter shots give no clip")
    max_seconds: float | None = Field(20.0, gt=0, description="longer shots are divided; null: no bound")
    crf: int = Field(15, ge=0, le=51, description="quality of frames that are encoded; smaller is better")
    preset: X264Preset = Field("superfast", description="x264's preset for frames that are encoded")

    @model_validator(mode="after")
    def _check_limits(self) -> ClippingConfig:
        if self.max_seconds is not None and self.max_seconds < self.min_seconds:
            raise ValueError(f"max_seconds ({self.max_seconds:g}) is smaller than min_seconds ({self.min_seconds:g})")
        return self


class Clipping(Splitter):
    """Writes one mp4 per span of a shot and compares every frame of it with the source.

    A clip that is not what it should be is written again by encoding; if that fails too, it is left out: the reason is
    added to the video's notes, and the video counts as failed.
    """

    name: ClassVar[str] = "clipping"
    Config: ClassVar[type[StageConfig]] = ClippingConfig
    reads: ClassVar[tuple[str, ...]] = ("transitions", "frame_index")
    config: ClippingConfig

    def split(self, video: SourceVideo) -> Iterator[WrittenClip]:
        """Write, verify and yield the clips of a video in the order of time.

        Raises:
            ItemError: cut detection has not run on it, or its packets cannot be read.
            ItemTimeoutError: the video took too long.
        """
        if video.frame_index is None:
            raise ItemError("clipping needs the frame index of cut_detection")
        if video.info is None:
            video.info = probe(video.path, video.deadline)
        index = video.frame_index
        packets = read_packets(video.path, video.deadline)
        source = Source(
            path=video.path,
            index=index,
            timeline=build_timeline(packets, index.pts, index.end_pts),
            packet_frames=frame_numbers(packets, index.pts),
            deadline=video.deadline,
        )
        limits = _limits(self.config)
        shots = find_shots(index.pts, video.transitions)
        if index.spoiled is not None and index.spoiled.any():
            video.notes.append(f"{int(index.spoiled.sum())} frames that build on damaged ones are in no clip")
            shots = without_spoiled(shots, index.spoiled)
        if video.keep is not None:
            shots = within(shots, index.pts, video.keep)
        settings = EncodingSettings(self.config.crf, self.config.preset)
        spans = self._plan(video, source, shots, limits, settings)
        lost = lost_seconds(spans, source.timeline)
        video.lost_s = float(_unused_seconds(shots, spans, source.timeline, limits))
        with Writers(source, settings) as writers:
            for number, (span, lost_s) in enumerate(zip(spans, lost, strict=True)):
                clip = _write(number, span, video, source, writers)
                if clip is None:
                    video.lost_s += float(source.timeline.seconds(span.first, span.stop))
                else:
                    clip.lost_s = float(lost_s)
                    yield clip

    def _plan(
        self, video: SourceVideo, source: Source, shots: Sequence[Shot], limits: Limits, settings: EncodingSettings
    ) -> list[Span]:
        assert video.info is not None
        mode = self.config.mode
        if mode != "exact" and video.info.codec not in VIDEO_CODECS:
            video.notes.append(f"{video.info.codec} has no place in mp4: clips are encoded (mode exact)")
            return plan(shots, source.timeline, limits, "exact")
        if mode != "smart":
            return plan(shots, source.timeline, limits, mode)
        try:
            joints = find_joints(source, settings)
            return plan(shots, source.timeline, limits, "smart", joints)
        except SpliceError as error:
            entries = source.timeline.entries
            spans = plan(shots, source.timeline, limits, "smart", Joints(starts=entries, follows=entries[:0]))
            if any(span.mode != "copy" for span in spans):
                video.notes.append(f"clips that cannot be copied whole are encoded (mode exact): {error}")
            return [span if span.mode == "copy" else span.as_exact() for span in spans]


def _write(
    number: int, span: Span, video: SourceVideo, source: Source, writers: Writers, *, sound: bool = True
) -> WrittenClip | None:
    """Write and verify one clip, by encoding where its own mode fails; None when that fails too."""
    try:
        return _write_once(number, span, video, source, writers, sound=sound)
    except ItemTimeoutError:
        raise
    except AudioError as error:
        video.notes.append(f"{_name(number, span, source)} has no sound: {error}")
        return _write(number, span, video, source, writers, sound=False)
    except ItemError as error:
        if span.mode == "exact":
            video.notes.append(f"{_name(number, span, source)} is left out: {error}")
            video.left_out.append(str(error))
            return None
        video.notes.append(f"{_name(number, span, source)} is encoded, not written as {span.mode}: {error}")
        return _write(number, span.as_exact(), video, source, writers, sound=sound)


def _name(number: int, span: Span, source: Source) -> str:
    start_s, stop_s = source.interval(span)
    return f"clip {number} ({float(start_s):.3f}-{float(stop_s):.3f} s)"


def _write_once(
    number: int, span: Span, video: SourceVideo, source: Source, writers: Writers, *, sound: bool
) -> WrittenClip:
    assert video.info is not None
    path = video.workdir / f"clip-{number:05d}.mp4"
    try:
        has_audio = writers.write(span, path, sound=sound)
        frames = verify_clip(path, span, source, video.frame_requests)
    except ItemError:
        path.unlink(missing_ok=True)
        raise
    start_pts, end_pts = (int(source.timeline.pts[frame]) for frame in (span.first, span.stop))
    return WrittenClip(
        clip_index=number,
        path=path,
        start_pts=start_pts,
        end_pts=end_pts,
        time_base=source.timeline.time_base,
        num_frames=span.stop - span.first,
        fps=float((span.stop - span.first) / source.timeline.seconds(span.first, span.stop)),
        width=video.info.width,
        height=video.info.height,
        has_audio=has_audio,
        verified=True,
        mode=span.mode,
        lost_s=0.0,
        frames=frames,
    )


def _limits(config: ClippingConfig) -> Limits:
    longest = None if config.max_seconds is None else Fraction(config.max_seconds).limit_denominator(10**6)
    return Limits(Fraction(config.min_seconds).limit_denominator(10**6), longest)


def _unused_seconds(shots: Sequence[Shot], spans: Sequence[Span], timeline: Timeline, limits: Limits) -> Fraction:
    """Seconds of shots that are long enough and yet in no clip."""
    lengths = [timeline.seconds(shot.first, shot.stop) for shot in shots]
    usable = sum((length for length in lengths if length >= limits.minimum_s), Fraction(0))
    return usable - sum((timeline.seconds(span.first, span.stop) for span in spans), Fraction(0))
