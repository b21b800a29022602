"""Measures ways to find transitions on the generated set and prints one table per view."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from tests.material.opponents import METHODS
from tests.material.score import Score, Verdict, judge
from tests.material.sets import MATERIAL_CACHE, build_set
from tests.material.truth import Joined

HEADER = (
    f"{'':32} {'cut P':>6} {'R':>5} {'F1':>5} | {'grad R':>6} {'P':>5} | {'all P':>5} | "
    f"{'shots':>5} {'+cut':>6} {'+grad':>6} | {'mixed':>5} {'pure':>5} | {'CPU s':>6}"
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Build the set (kept in $CURATION_TEST_MATERIAL), run the methods, print the tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.material.score", description=__doc__)
    parser.add_argument("--directory", type=Path, help=f"keep the videos here (default: ${MATERIAL_CACHE})")
    parser.add_argument("--seed", type=int, default=20, help="another seed gives another set (default: 20)")
    parser.add_argument("--method", choices=METHODS, action="append", help="only this method; may be repeated")
    parser.add_argument("--only", default="", help="only videos whose name holds this text")
    parser.add_argument("--errors", action="store_true", help="list what was missed, wrong or impure")
    options = parser.parse_args(arguments)
    import cv2

    cv2.setNumThreads(1)
    directory = options.directory or _kept_directory()
    videos = [video for video in build_set(directory, options.seed) if options.only in video.name]
    for name in options.method or METHODS:
        print(f"\n{name}: {len(videos)} videos, {sum(video.frames for video in videos)} frames\n{HEADER}")
        _measure(name, videos, list_errors=options.errors)


def _measure(name: str, videos: Sequence[Joined], *, list_errors: bool) -> None:
    total, seconds = Score(), 0.0
    encodings: dict[str, Score] = defaultdict(Score)
    times: dict[str, float] = defaultdict(float)
    by_kind: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    verdicts: list[tuple[Joined, Verdict]] = []
    for video in videos:
        transitions, spent = METHODS[name](video)
        result, verdict = judge(video, transitions)
        total, seconds = total + result, seconds + spent
        encodings[video.encoding] += result
        times[video.encoding] += spent
        for truth in video.truth:
            by_kind[truth.kind][0] += truth not in verdict.missed
            by_kind[truth.kind][1] += 1
        verdicts.append((video, verdict))
    for encoding, result in encodings.items():
        print(_line(encoding, result, times[encoding]))
    print(_line("all", total, seconds))
    found_by_kind = [f"{kind} {found}/{number}" for kind, (found, number) in sorted(by_kind.items())]
    print("found by kind:", ", ".join(found_by_kind))
    if list_errors:
        for video, verdict in verdicts:
            _list_errors(video, verdict)


def _line(label: str, result: Score, seconds: float) -> str:
    return (
        f"{label:32} {result.cut_precision:6.2f} {result.cut_recall:5.2f} {result.cut_f1:5.2f} | "
        f"{result.gradual_recall:6.2f} {result.gradual_precision:5.2f} | {result.precision:5.2f} | "
        f"{result.shots:5} {result.share_with_cut:6.1%} {result.share_with_gradual:6.1%} | "
        f"{result.mixed_covered / max(1, result.mixed):5.2f} {result.pure_covered:5} | {seconds:6.1f}"
    )


def _list_errors(video: Joined, verdict: Verdict) -> None:
    for truth in verdict.missed:
        print(f"{video.name}: missed {truth.kind} {truth.style} at frames {truth.start_frame}-{truth.end_frame}")
    for kind, start, end in verdict.wrong:
        print(f"{video.name}: wrong {kind} at frames {start}-{end}{_within(video, start)}")
    for start, end in verdict.impure:
        print(f"{video.name}: impure shot, frames {start}-{end}")


def _within(video: Joined, frame: int) -> str:
    for shot in video.shots:
        if shot.start_frame <= frame < shot.end_frame:
            return f", within shot {shot.source} ({shot.start_frame}-{shot.end_frame})"
    return ""


def _kept_directory() -> Path:
    return Path(os.environ.get(MATERIAL_CACHE) or Path(tempfile.gettempdir()) / "curation-test-material")
