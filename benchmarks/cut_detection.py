"""(a) The cut cascade against a bare decode of the same file, and against PySceneDetect run once per rate. CPU seconds.

python -m benchmarks.cut_detection [--repeat 5] [--video FILE]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks.material import joined_trailer
from curation.video.reader import decode_frames, open_video
from curation.video.types import SourceVideo
from stages.cut_detection import CutDetection

ONE_THREAD = "OMP_NUM_THREADS"
RATES: tuple[float | None, ...] = (None, 8.0, 2.0)


def main() -> None:
    """Print medians and ratios. The ways take turns, so that a slow minute of the machine slows them all.

    Like an actor with one CPU on Ray, this process may use one thread for linear algebra.
    """
    if ONE_THREAD not in os.environ:
        os.execve(
            sys.executable,
            [sys.executable, "-m", "benchmarks.cut_detection", *sys.argv[1:]],
            os.environ | {ONE_THREAD: "1"},
        )
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--repeat", type=int, default=5)
    arguments.add_argument("--video", type=Path, default=None, help="default: the sample trailer twice, 110 s of 720p")
    wanted = arguments.parse_args()
    path = wanted.video or joined_trailer()
    ways: dict[str, Callable[[Path], None]] = {
        "bare PyAV decode": _decode,
        "bare decode, non-reference frames skipped": _decode_references,
        "cascade": _cascade,
        "PySceneDetect, once per rate": _pyscenedetect,
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(wanted.repeat):
        for name, way in ways.items():
            began = time.process_time()
            way(path)
            seconds[name].append(time.process_time() - began)
    decode = median(seconds["bare PyAV decode"])
    print(f"| way | CPU s (median of {wanted.repeat}) | × bare decode |\n| --- | --- | --- |")
    for name, values in seconds.items():
        print(f"| {name} | {median(values):.2f} | {median(values) / decode:.2f} |")
    ratio = median(seconds["PySceneDetect, once per rate"]) / median(seconds["cascade"])
    print(f"\nThe cascade takes {ratio:.1f} times less CPU than PySceneDetect run once per rate.")


def _decode(path: Path) -> None:
    with open_video(path) as (container, stream):
        for _ in decode_frames(container, stream):
            pass


def _decode_references(path: Path) -> None:
    with open_video(path) as (container, stream):
        stream.codec_context.skip_frame = "NONREF"
        for _ in decode_frames(container, stream):
            pass


def _cascade(path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        list(CutDetection(CutDetection.Config()).split(SourceVideo("benchmark", str(path), path, Path(folder))))


def _pyscenedetect(path: Path) -> None:
    """A user's way: one pass of the library's own API for each rate, frames left out by ``frame_skip``."""
    from scenedetect import ContentDetector, SceneManager, open_video

    for rate in RATES:
        video = open_video(str(path))
        manager = SceneManager()
        manager.add_detector(ContentDetector())
        skip = 0 if rate is None else max(0, round(float(video.frame_rate) / rate) - 1)
        manager.detect_scenes(video, frame_skip=skip)


if __name__ == "__main__":
    main()
