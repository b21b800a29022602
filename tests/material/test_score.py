"""The scorer: what counts as found, wrong, and impure."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from curation.video.types import Transition
from tests.material.score import Score, judge, score
from tests.material.truth import Joined, ShotSpan, Truth

STEP = 512


def video() -> Joined:
    """100 frames a shot at 25 fps: a cut at 100, a dissolve 200–220, a cut at 320."""
    pts = tuple(STEP * frame + 1000 for frame in range(420))
    stamps = [*pts, pts[-1] + STEP]

    def truth(kind: str, start: int, end: int) -> Truth:
        return Truth(kind, "", start, end, stamps[start], stamps[end])  # type: ignore[arg-type]

    spans = [(0, 100), (100, 200), (220, 320), (320, 420)]
    return Joined(
        name="made up",
        path=Path("made-up.mp4"),
        encoding="h264",
        fps=25,
        frames=420,
        time_base=Fraction(1, 12800),
        pts=pts,
        end_pts=stamps[-1],
        truth=(truth("cut", 100, 100), truth("dissolve", 200, 220), truth("cut", 320, 320)),
        shots=tuple(ShotSpan("drawn", start, end, stamps[start], stamps[end]) for start, end in spans),
    )


def found(*spans: tuple[int, int]) -> list[Transition]:
    stamps = [*video().pts, video().end_pts]
    return [
        Transition("cut" if start == end else "dissolve", stamps[start], stamps[end], "native", 1.0)
        for start, end in spans
    ]


def figures(result: Score) -> tuple[float, ...]:
    return (
        result.cut_precision,
        result.cut_recall,
        result.gradual_precision,
        result.gradual_recall,
        result.share_with_cut,
        result.share_with_gradual,
    )


def test_the_truth_itself_is_perfect() -> None:
    result = score(video(), found((100, 100), (200, 220), (320, 320)))
    assert figures(result) == (1, 1, 1, 1, 0, 0)
    assert (result.shots, result.precision) == (4, 1)
    assert (result.mixed, result.mixed_covered, result.pure_covered) == (20, 20, 0)


@pytest.mark.parametrize(("offset", "right"), [(-2, 0), (-1, 1), (0, 1), (1, 1), (2, 0)])
def test_cut_tolerance_is_one_frame(offset: int, right: int) -> None:
    result = score(video(), found((100 + offset, 100 + offset), (200, 220), (320, 320)))
    assert result.cuts_found == 1 + right
    assert result.cut_precision == (1 + right) / 2
    assert result.shots_with_cut == (0 if offset == 0 else 1)


def test_one_cut_found_twice_is_found_once() -> None:
    result = score(video(), found((100, 100), (101, 101), (200, 220), (320, 320)))
    assert (result.cuts_found, result.cut_detections) == (2, 3)
    assert result.precision == 0.75


def test_nothing_found_leaves_one_impure_shot() -> None:
    result, verdict = judge(video(), [])
    assert figures(result) == (1, 0, 1, 0, 1, 1)
    assert verdict.missed == tuple(sorted(video().truth, key=lambda truth: (truth.kind != "cut", truth.start_frame)))
    assert verdict.impure == ((0, 420),)


def test_cut_within_a_dissolve_finds_it_but_leaves_impure_shots() -> None:
    result = score(video(), found((100, 100), (210, 210), (320, 320)))
    assert (result.gradual_recall, result.cut_precision, result.precision) == (1, 2 / 3, 1)
    assert result.shots_with_gradual == 2


def test_one_mixed_frame_is_tolerated_two_are_not() -> None:
    assert score(video(), found((100, 100), (201, 219), (320, 320))).shots_with_gradual == 0
    assert score(video(), found((100, 100), (202, 220), (320, 320))).shots_with_gradual == 1


def test_wrong_gradual_detection() -> None:
    result, verdict = judge(video(), found((100, 100), (200, 220), (260, 270), (320, 320)))
    assert (result.gradual_precision, result.precision, result.pure_covered) == (0.5, 0.75, 10)
    assert verdict.wrong == (("gradual", 260, 270),)


def test_gradual_detection_over_a_cut_does_not_find_the_cut_and_spoils_no_shot() -> None:
    result = score(video(), found((95, 105), (200, 220), (320, 320)))
    assert (result.cut_recall, result.gradual_precision, result.precision, result.shots_with_cut) == (0.5, 0.5, 1, 0)


def test_short_shots_do_not_count() -> None:
    assert score(video(), found((100, 100), (190, 220), (320, 320), (410, 410))).shots == 4
    assert score(video(), found((100, 100), (190, 220), (320, 320), (390, 390))).shots == 5


def test_scores_add_up() -> None:
    result = score(video(), found((100, 100)))
    both = result + score(video(), found((100, 100), (200, 220), (320, 320)))
    assert (both.cuts, both.cuts_found, both.graduals_found) == (4, 3, 1)
