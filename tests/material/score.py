"""How well detected transitions agree with the truth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Protocol

from tests.material.truth import Joined, Truth

CUT_TOLERANCE = 1
MIN_SHOT_S = 1.0


class Detected(Protocol):
    """What `curation.video.types.Transition` has and scoring needs."""

    @property
    def kind(self) -> str: ...
    @property
    def start_pts(self) -> int: ...
    @property
    def end_pts(self) -> int: ...


@dataclass(frozen=True)
class Score:
    """Counts, which add up over videos; the properties are the figures.

    A *cut* here is a detection of zero length, matched one to one with true cuts at ±1 frame. A true gradual
    transition is found when any detection overlaps it; a gradual detection is right when it overlaps a true one.
    ``right``: detections of either sort that match any truth, a zero-length one within a gradual transition included.
    ``shots``: what lies between detections and lasts at least 1 s; ``shots_with_cut`` hold a true cut,
    ``shots_with_gradual`` more than one frame of a gradual transition.
    ``mixed``: frames of true gradual transitions; ``mixed_covered``: those inside gradual detections;
    ``pure_covered``: frames inside gradual detections that show one shot alone.
    """

    cuts: int = 0
    cuts_found: int = 0
    cut_detections: int = 0
    graduals: int = 0
    graduals_found: int = 0
    gradual_detections: int = 0
    gradual_right: int = 0
    detections: int = 0
    right: int = 0
    shots: int = 0
    shots_with_cut: int = 0
    shots_with_gradual: int = 0
    mixed: int = 0
    mixed_covered: int = 0
    pure_covered: int = 0

    def __add__(self, other: Score) -> Score:
        return Score(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))

    @property
    def cut_recall(self) -> float:
        return _share(self.cuts_found, self.cuts)

    @property
    def cut_precision(self) -> float:
        return _share(self.cuts_found, self.cut_detections)

    @property
    def cut_f1(self) -> float:
        return _share(2 * self.cuts_found, self.cuts + self.cut_detections)

    @property
    def gradual_recall(self) -> float:
        return _share(self.graduals_found, self.graduals)

    @property
    def gradual_precision(self) -> float:
        return _share(self.gradual_right, self.gradual_detections)

    @property
    def precision(self) -> float:
        return _share(self.right, self.detections)

    @property
    def share_with_cut(self) -> float:
        return self.shots_with_cut / max(1, self.shots)

    @property
    def share_with_gradual(self) -> float:
        return self.shots_with_gradual / max(1, self.shots)


@dataclass(frozen=True)
class Verdict:
    """Which truths were missed, which detections are wrong: for a person to look at. Intervals in frames."""

    missed: tuple[Truth, ...]
    wrong: tuple[tuple[str, int, int], ...]
    impure: tuple[tuple[int, int], ...]


def score(joined: Joined, transitions: Iterable[Detected]) -> Score:
    """Compare the transitions that were detected in ``joined.path`` with the truth."""
    return judge(joined, transitions)[0]


def judge(joined: Joined, transitions: Iterable[Detected]) -> tuple[Score, Verdict]:
    """As `score`, and what went wrong."""
    detected = sorted((joined.frame_at(t.start_pts), joined.frame_at(t.end_pts), t.kind) for t in transitions)
    cuts = [truth for truth in joined.truth if truth.kind == "cut"]
    graduals = [truth for truth in joined.truth if truth.kind != "cut"]
    zero = [start for start, end, _ in detected if end <= start]
    long = [(start, end) for start, end, _ in detected if end > start]

    matched = _match([truth.start_frame for truth in cuts], zero)
    found = [any(_touches(truth, start, end) for start, end, _ in detected) for truth in graduals]
    long_right = [any(_touches(truth, *span) for truth in graduals) for span in long]
    near_cut = [any(s - CUT_TOLERANCE <= c.start_frame <= e + CUT_TOLERANCE for c in cuts) for s, e in long]
    zero_right = [
        place in matched.values() or any(_touches(truth, place, place) for truth in graduals) for place in zero
    ]
    shots = _shots_between(joined, detected)
    with_cut = [span for span in shots if any(span[0] < truth.start_frame < span[1] for truth in cuts)]
    with_gradual = [span for span in shots if any(_overlap(span, truth) > 1 for truth in graduals)]
    covered = {frame for span in long for frame in range(*span)}
    mixed = {frame for truth in graduals for frame in range(truth.start_frame, truth.end_frame)}
    result = Score(
        cuts=len(cuts),
        cuts_found=len(matched),
        cut_detections=len(zero),
        graduals=len(graduals),
        graduals_found=sum(found),
        gradual_detections=len(long),
        gradual_right=sum(long_right),
        detections=len(detected),
        right=sum(zero_right) + sum(a or b for a, b in zip(long_right, near_cut, strict=True)),
        shots=len(shots),
        shots_with_cut=len(with_cut),
        shots_with_gradual=len(with_gradual),
        mixed=len(mixed),
        mixed_covered=len(mixed & covered),
        pure_covered=len(covered - mixed),
    )
    missed = [c for c in cuts if c.start_frame not in matched]
    missed += [g for g, hit in zip(graduals, found, strict=True) if not hit]
    wrong = [("cut", place, place) for place, right in zip(zero, zero_right, strict=True) if not right]
    wrong += [("gradual", *span) for span, right in zip(long, long_right, strict=True) if not right]
    return result, Verdict(tuple(missed), tuple(wrong), tuple(dict.fromkeys(with_cut + with_gradual)))


def _match(true: Sequence[int], detected: Sequence[int]) -> dict[int, int]:
    """One-to-one pairs of frames at most CUT_TOLERANCE apart, nearest first: true → detected."""
    pairs = sorted((abs(a - b), a, b) for a in set(true) for b in set(detected) if abs(a - b) <= CUT_TOLERANCE)
    matched: dict[int, int] = {}
    for _, a, b in pairs:
        if a not in matched and b not in matched.values():
            matched[a] = b
    return matched


def _touches(truth: Truth, start: int, end: int) -> bool:
    """Whether [start, end), or the place between two frames when empty, lies on the transition or at its edge."""
    if end <= start:
        return truth.start_frame <= start <= truth.end_frame
    return start < truth.end_frame and truth.start_frame < end


def _overlap(span: tuple[int, int], truth: Truth) -> int:
    return min(span[1], truth.end_frame) - max(span[0], truth.start_frame)


def _shots_between(joined: Joined, detected: Sequence[tuple[int, int, str]]) -> list[tuple[int, int]]:
    """Frames [start, end) between detections that last at least MIN_SHOT_S."""
    stamps = [*joined.pts, joined.end_pts]
    spans, position = [], 0
    for start, end, _ in detected:
        spans.append((position, min(start, joined.frames)))
        position = max(position, end)
    spans.append((position, joined.frames))
    return [(a, b) for a, b in spans if b > a and (stamps[b] - stamps[a]) * joined.time_base >= MIN_SHOT_S]


def _share(part: int, whole: int) -> float:
    """``part / whole``; 1 where there was nothing to get right or wrong."""
    return part / whole if whole else 1.0


if __name__ == "__main__":
    from tests.material.report import main

    main()
