"""Segments from sampled matches: only what was seen to match, all of it, and nothing short."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.video.types import FrameIndex, Transition
from stages.clips.planner import Shot, within
from stages.segments.planner import Threshold, find_segments, sample_frames


def index_of(steps: list[int], start: int = 0) -> FrameIndex:
    """Frames that last so many milliseconds."""
    edges = start + np.concatenate([[0], np.cumsum(steps)])
    return FrameIndex(edges[:-1], int(edges[-1]), Fraction(1, 1000), np.zeros((len(steps), 1), np.uint8))


def cut(pts: int) -> Transition:
    return Transition("cut", pts, pts, "native", 1.0)


indexes = st.builds(index_of, st.lists(st.integers(1, 300), min_size=1, max_size=80), st.integers(-500, 500))
rates = st.sampled_from([Fraction(1, 2), Fraction(1), Fraction(2), Fraction(30000, 1001)])


@given(indexes, rates)
def test_sampling_takes_the_first_frame_of_every_step(index: FrameIndex, fps: Fraction) -> None:
    samples = sample_frames(index, fps)
    assert samples[0] == 0
    assert (np.diff(samples) > 0).all()
    for number, pts in enumerate(index.pts.tolist()):
        steps_before = (pts - int(index.pts[0])) * fps / 1000
        previous = (int(index.pts[number - 1]) - int(index.pts[0])) * fps / 1000 if number else Fraction(-1)
        assert (number in samples) == (steps_before // 1 > previous // 1 or steps_before.denominator == 1)


@given(indexes, rates, st.data())
def test_what_does_not_match_is_in_no_segment_and_what_does_is_in_one(
    index: FrameIndex, fps: Fraction, data: st.DataObject
) -> None:
    samples = sample_frames(index, fps)
    matches = np.array(data.draw(st.lists(st.booleans(), min_size=len(samples), max_size=len(samples))))
    edges = st.sampled_from(index.pts.tolist())
    marks = [
        Transition("fade" if b > a else "cut", min(a, b), max(a, b), "native", 1.0)
        for a, b in data.draw(st.lists(st.tuples(edges, edges), max_size=4))
    ]
    segments = find_segments(index, samples, matches, marks, Fraction(0))
    flat = [edge for segment in segments for edge in segment]
    assert flat == sorted(flat)
    assert all(start < end for start, end in segments)
    assert not flat or (flat[0] >= index.pts[0] and flat[-1] <= index.end_pts)
    for frame, match in zip(samples.tolist(), matches.tolist(), strict=True):
        assert match == any(start <= index.pts[frame] < end for start, end in segments)
    shortest = data.draw(st.fractions(0, 3, max_denominator=1000))
    long = find_segments(index, samples, matches, marks, shortest)
    assert long == [(start, end) for start, end in segments if Fraction(end - start, 1000) >= shortest]


@given(st.lists(st.tuples(st.integers(12, 40), st.booleans()), min_size=1, max_size=8))
def test_spans_between_cuts_are_found_to_the_frame(shots: list[tuple[int, bool]]) -> None:
    index = index_of([100] * sum(length for length, _ in shots))
    stops = np.cumsum([length for length, _ in shots]).tolist()
    starts = [0, *stops[:-1]]
    is_relevant = np.concatenate([np.full(length, relevant) for length, relevant in shots])
    samples = sample_frames(index, Fraction(1))
    cuts = [cut(int(index.pts[start])) for start in starts[1:]]
    segments = find_segments(index, samples, is_relevant[samples], cuts, Fraction(0))
    found = within([Shot(a, b) for a, b in zip(starts, stops, strict=True)], index.pts, segments)
    assert found == [Shot(a, b) for a, b, (_, relevant) in zip(starts, stops, shots, strict=True) if relevant]


def test_without_a_transition_nothing_beyond_the_last_matching_sample_is_kept() -> None:
    index = index_of([100] * 100)
    samples = sample_frames(index, Fraction(1))
    matches = np.array([False] * 3 + [True] * 4 + [False] * 3)
    assert find_segments(index, samples, matches, [], Fraction(2)) == [(3000, 6100)]
    assert find_segments(index, samples, matches, [], Fraction(4)) == []
    assert find_segments(index, samples, ~matches, [], Fraction(0)) == [(0, 2100), (7000, 10000)]


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        (Threshold(minimum=0.2), [True, False, True, False]),
        (Threshold(share_of_best=0.9), [True, False, False, False]),
        (Threshold(share_of_best=0.5), [True, False, True, False]),
        (Threshold(minimum=0.35, share_of_best=0.1), [False, False, False, False]),
    ],
)
def test_thresholds(threshold: Threshold, expected: list[bool]) -> None:
    scores = np.array([0.3, 0.1, 0.2, np.nan], np.float32)
    assert threshold.matches(scores).tolist() == expected


def test_within_keeps_frames_of_the_intervals_only() -> None:
    pts = np.arange(0, 1000, 100)
    assert within([Shot(0, 4), Shot(4, 10)], pts, [(200, 600), (750, 2000)]) == [Shot(2, 4), Shot(4, 6), Shot(8, 10)]
    assert within([Shot(0, 10)], pts, []) == []
