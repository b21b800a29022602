from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.video.packets import NO_PTS, PacketIndex
from curation.video.types import Transition
from stages.clips.copied_packets import copied_frames
from stages.clips.planner import Joints, Limits, Shot, Span, find_shots, lost_seconds, plan
from stages.clips.timeline import Timeline, build_timeline
from tests.stages.clips.coded_streams import CodedStream, coded_streams, transition_frames

ANY_LENGTH = Limits(Fraction(0))
MODES = ("copy", "smart", "exact")
limits_of_clips = st.builds(
    lambda least, more: Limits(Fraction(least, 100), None if more is None else Fraction(least + more, 100)),
    st.integers(0, 40),
    st.none() | st.integers(1, 60),
)


def shots_of(stream: CodedStream, data: st.DataObject) -> list[Shot]:
    stamps = [*stream.frame_pts.tolist(), stream.end_pts]
    intervals = data.draw(transition_frames(len(stream.frame_pts)))
    transitions = [
        Transition("cut" if start == end else "dissolve", stamps[start], stamps[end], "native", 1.0)
        for start, end in intervals
    ]
    return find_shots(stream.frame_pts, transitions)


def copies_exactly(stream: CodedStream, span: Span) -> bool:
    """Whether the copied packets hold each copied frame once, start at a keyframe and nothing is decoded before it."""
    frames = copied_frames(span, stream.packet_frames).tolist()
    keyframe = stream.packets.is_keyframe[span.first_packet] and stream.packet_frames[span.first_packet]
    return sorted(frames) == list(range(span.copy_first, span.copy_stop)) and keyframe == span.copy_first


def longest_copy(stream: CodedStream, shot: Shot) -> int:
    """Most ticks that one copy within the shot can keep, by trying every pair of packets."""
    timeline, frames = stream.timeline, stream.packet_frames
    best = 0
    for first in np.flatnonzero(stream.packets.is_keyframe & (frames >= 0)).tolist():
        start = int(frames[first])
        if not shot.first <= start < shot.stop or (frames[:first] > start).any():
            continue
        for stop in range(first + 1, len(frames) + 1):
            kept = [frame for frame in frames[first:stop].tolist() if frame >= start]
            end = max(kept) + 1
            if end <= shot.stop and sorted(kept) == list(range(start, end)):
                best = max(best, int(timeline.pts[end] - timeline.pts[start]))
    return best


@given(coded_streams(), st.data())
def test_shots_hold_each_frame_outside_transitions_once(stream: CodedStream, data: st.DataObject) -> None:
    stamps = [*stream.frame_pts.tolist(), stream.end_pts]
    intervals = data.draw(transition_frames(len(stream.frame_pts)))
    transitions = [Transition("fade", stamps[start], stamps[end], "native", 1.0) for start, end in intervals]
    shots = find_shots(stream.frame_pts, transitions)
    inside = {frame for start, end in intervals for frame in range(start, end)}
    assert [f for shot in shots for f in range(shot.first, shot.stop)] == [
        frame for frame in range(len(stream.frame_pts)) if frame not in inside
    ]
    for before, after in pairwise(shots):
        assert any(before.stop <= start <= end <= after.first for start, end in intervals)


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=150)
@given(coded_streams(), limits_of_clips, st.data())
def test_spans_keep_the_rules(mode: str, stream: CodedStream, limits: Limits, data: st.DataObject) -> None:
    timeline, shots = stream.timeline, shots_of(stream, data)
    spans = plan(shots, timeline, limits, mode)  # type: ignore[arg-type]
    for span in spans:
        assert span.shot in shots
        assert span.shot.first <= span.first < span.stop <= span.shot.stop
        assert span.first <= span.copy_first <= span.copy_stop <= span.stop
        seconds = timeline.seconds(span.first, span.stop)
        assert seconds >= limits.minimum_s
        assert limits.maximum_s is None or seconds <= limits.maximum_s
        if span.copy_first < span.copy_stop:
            assert copies_exactly(stream, span)
        if mode == "copy":
            assert span.mode == "copy"
        if mode == "exact":
            assert span.mode == "exact"
    for before, after in pairwise(spans):
        assert before.stop <= after.first


@settings(max_examples=150)
@given(coded_streams(damaged=False), st.data())
def test_a_copy_keeps_as_much_of_its_shot_as_any_copy_can(stream: CodedStream, data: st.DataObject) -> None:
    timeline, shots = stream.timeline, shots_of(stream, data)
    spans = {span.shot: span for span in plan(shots, timeline, ANY_LENGTH, "copy")}
    for shot in shots:
        kept = timeline.pts[spans[shot].stop] - timeline.pts[spans[shot].first] if shot in spans else 0
        assert kept == longest_copy(stream, shot)


@pytest.mark.parametrize("mode", ["smart", "exact"])
@given(coded_streams(), limits_of_clips, st.data())
def test_only_what_is_too_short_is_left_out_where_frames_are_encoded(
    mode: str, stream: CodedStream, limits: Limits, data: st.DataObject
) -> None:
    timeline, shots = stream.timeline, shots_of(stream, data)
    spans = plan(shots, timeline, limits, mode)  # type: ignore[arg-type]
    for shot in shots:
        own = [span for span in spans if span.shot == shot]
        length = timeline.seconds(shot.first, shot.stop)
        if length < limits.minimum_s:
            assert not own
        elif limits.maximum_s is None or length <= limits.maximum_s:
            assert [(span.first, span.stop) for span in own] == [(shot.first, shot.stop)]
        else:
            longest_frame = max(timeline.seconds(f, f + 1) for f in range(shot.first, shot.stop))
            if limits.maximum_s >= 2 * limits.minimum_s + 2 * longest_frame:
                assert [(a.stop, b.first) for a, b in pairwise(own)] == [(a.stop, a.stop) for a in own[:-1]]
                assert (own[0].first, own[-1].stop) == (shot.first, shot.stop)


@given(coded_streams(), limits_of_clips, st.sampled_from(MODES), st.data())
def test_lost_and_kept_seconds_add_up(stream: CodedStream, limits: Limits, mode: str, data: st.DataObject) -> None:
    timeline, shots = stream.timeline, shots_of(stream, data)
    spans = plan(shots, timeline, limits, mode)  # type: ignore[arg-type]
    kept = sum((timeline.seconds(span.first, span.stop) for span in spans), Fraction(0))
    used = {span.shot for span in spans}
    assert kept + sum(lost_seconds(spans, timeline)) == sum(
        (timeline.seconds(shot.first, shot.stop) for shot in used), Fraction(0)
    )


@given(coded_streams(), st.data())
def test_joints_bound_where_copies_begin(stream: CodedStream, data: st.DataObject) -> None:
    timeline, shots = stream.timeline, shots_of(stream, data)
    entries = timeline.entries.tolist()
    starts = np.array(sorted(data.draw(st.sets(st.sampled_from(entries)) if entries else st.just(set()))), np.int64)
    follows = np.array(sorted(data.draw(st.sets(st.sampled_from(entries)) if entries else st.just(set()))), np.int64)
    for span in plan(shots, timeline, ANY_LENGTH, "smart", Joints(starts, follows)):
        if span.copy_first < span.copy_stop:
            allowed = starts if span.copy_first == span.first else follows
            assert span.copy_first in allowed


def regular_timeline(seconds: int, keyframe_every: int) -> Timeline:
    """25 frames per second without B pictures."""
    count = 25 * seconds
    frames = np.arange(count)
    entries = frames[::keyframe_every]
    return Timeline(
        pts=np.arange(count + 1),
        time_base=Fraction(1, 25),
        entries=entries,
        entry_packets=entries,
        exits=frames + 1,
        exit_packets=frames + 1,
        orphans=np.zeros(count + 1, np.int64),
    )


@pytest.mark.parametrize("mode", MODES)
def test_a_long_shot_is_divided_into_nearly_equal_parts(mode: str) -> None:
    timeline = regular_timeline(70, keyframe_every=12)
    spans = plan([Shot(0, 1750)], timeline, Limits(Fraction(2), Fraction(20)), mode)  # type: ignore[arg-type]
    assert len(spans) == 4
    assert [span.first for span in spans] == [0, *(span.stop for span in spans[:-1])]
    assert spans[-1].stop == 1750
    lengths = [span.stop - span.first for span in spans]
    assert max(lengths) - min(lengths) <= 24
    if mode != "exact":
        assert all(span.first % 12 == 0 and span.mode == "copy" for span in spans)


def test_keyframes_further_apart_than_the_maximum_cost_a_copy_what_lies_between() -> None:
    timeline = regular_timeline(30, keyframe_every=250)
    limits = Limits(Fraction(2), Fraction(6))
    copies = plan([Shot(0, 750)], timeline, limits, "copy")
    assert [(span.first, span.stop) for span in copies] == [(0, 150), (250, 400), (500, 650)]
    smart = plan([Shot(0, 750)], timeline, limits, "smart")
    assert sum(span.stop - span.first for span in smart) == 750
    assert any(span.mode == "smart" for span in smart)


def packet_index(pts: list[int], keyframes: set[int]) -> PacketIndex:
    zeros = np.zeros(len(pts), np.int64)
    is_key = np.array([stamp in keyframes for stamp in pts])
    return PacketIndex(np.array(pts), zeros, zeros, zeros, is_key, np.zeros(len(pts), np.bool_), Fraction(1, 25))


def test_a_packet_without_a_frame_stays_with_the_packet_before() -> None:
    # Each picture is two fields, two packets; the second has no time stamp.
    pts = [0, NO_PTS, 2, NO_PTS, 1, NO_PTS, 3, NO_PTS]
    timeline = build_timeline(packet_index(pts, keyframes={0}), np.arange(4), 4)
    (span,) = plan([Shot(0, 3)], timeline, ANY_LENGTH, "copy")
    assert (span.first, span.stop, span.first_packet, span.stop_packet) == (0, 3, 0, 6)


def test_leading_pictures_of_an_open_group_do_not_delay_the_start() -> None:
    # Decode order I0 P3 B1 B2 I6 B4 B5 P7: frames 4 and 5 need the group before.
    order = [0, 3, 1, 2, 6, 4, 5, 7]
    timeline = build_timeline(packet_index(order, keyframes={0, 6}), np.arange(8), 8)
    (span,) = plan([Shot(4, 8)], timeline, ANY_LENGTH, "copy")
    assert (span.first, span.stop, span.first_packet, span.stop_packet) == (6, 8, 4, 8)
    assert copied_frames(span, np.array(order)).tolist() == [6, 7]
    (before,) = plan([Shot(0, 6)], timeline, ANY_LENGTH, "copy")
    assert (before.first, before.stop, before.stop_packet) == (0, 4, 4)
