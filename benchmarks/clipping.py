"""(b) Writing clips against a bare decode of the same file, and what each mode keeps. CPU seconds.

python -m benchmarks.clipping [--repeat 5] [--video FILE] [--set DIRECTORY]

The cuts are those of `cut_detection`, found once and not counted. "write" is planning and writing, "verify" the decode
that compares every frame of every clip with the source. With --set the modes also run over the 27 generated videos of
`tests.material` (built in DIRECTORY when they are not there) with their true transitions and a minimum length of 1 s.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from unittest.mock import patch

from benchmarks.material import joined_trailer
from curation.video.reader import decode_frames, open_video
from curation.video.types import FrameIndex, SourceVideo, Transition, WrittenClip
from stages import clipping
from stages.clipping import Clipping, ClippingConfig
from stages.cut_detection import CutDetection

MODES = ("copy", "smart", "exact")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--video", type=Path, help="default: the sample trailer twice, 110 s of 720p")
    parser.add_argument("--set", type=Path, metavar="DIRECTORY", help="also measure on the generated set")
    options = parser.parse_args()
    _measure_file(options.video or joined_trailer(), options.repeat)
    if options.set:
        _measure_set(options.set)


def _measure_file(path: Path, repeat: int) -> None:
    detector = CutDetection(CutDetection.Config())
    detector.setup()
    detected = _video(path, path.parent)
    list(detector.split(detected))
    assert detected.frame_index is not None
    rows: dict[str, list[dict[str, float]]] = defaultdict(list)
    for _ in range(repeat):
        rows["bare decode"].append({"all": _seconds(lambda: _decode(path))})
        for mode in MODES:
            rows[mode].append(_run(path, mode, detected.frame_index, detected.transitions))
    decode = median(row["all"] for row in rows.pop("bare decode"))
    shots = rows["exact"][0]["kept"]
    print(f"{path.name}: bare PyAV decode {decode:.2f} CPU s (median of {repeat})\n")
    print("| mode | clips | kept of shot time | write, CPU s | × decode | verify, CPU s | × decode |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for mode, runs in rows.items():
        write, verify = (median(row[part] for row in runs) for part in ("write", "verify"))
        first = runs[0]
        print(
            f"| {mode} | {first['clips']:.0f} | {first['kept'] / shots:.1%} | {write:.3f} | {write / decode:.3f} "
            f"| {verify:.2f} | {verify / decode:.2f} |"
        )


def _measure_set(directory: Path) -> None:
    from tests.material.sets import build_set

    print("\n| mode | kept of shot time | copied / smart / exact clips | write, CPU s | verify, CPU s |")
    print("| --- | --- | --- | --- | --- |")
    videos = build_set(directory)
    indices = {video.name: _index(video.path) for video in videos}
    for mode in MODES:
        total: dict[str, float] = defaultdict(float)
        for video in videos:
            truth = [
                Transition("cut" if t.kind == "cut" else "dissolve", t.start_pts, t.end_pts, "native", 1.0)
                for t in video.truth
            ]
            for key, value in _run(video.path, mode, indices[video.name], truth, min_seconds=1).items():
                total[key] += value
            lengths = [float((shot.end_pts - shot.start_pts) * video.time_base) for shot in video.shots]
            total["shots"] += sum(length for length in lengths if length >= 1)
        counts = " / ".join(f"{total[f'clips_{written}']:.0f}" for written in MODES)
        print(
            f"| {mode} | {total['kept'] / total['shots']:.1%} | {counts} | {total['write']:.1f} "
            f"| {total['verify']:.1f} |"
        )


def _run(path: Path, mode: str, index: FrameIndex, transitions: list[Transition], **values: float) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder, _timed_verification() as verification:
        video = _video(path, Path(folder))
        video.frame_index, video.transitions = index, transitions
        stage = Clipping(ClippingConfig.model_validate({"mode": mode, **values}))
        clips: list[WrittenClip] = []
        spent = _seconds(lambda: clips.extend(stage.split(video)))
    result = {
        "clips": float(len(clips)),
        "kept": float(sum((clip.end_pts - clip.start_pts) * clip.time_base for clip in clips)),
        "write": spent - sum(verification),
        "verify": sum(verification),
    }
    return result | {f"clips_{written}": float(sum(clip.mode == written for clip in clips)) for written in MODES}


@contextmanager
def _timed_verification() -> Iterator[list[float]]:
    """CPU seconds of each call of `verify_clip`."""
    verify, spent = clipping.verify_clip, []

    def timed(*arguments: object) -> object:
        began = time.process_time()
        try:
            return verify(*arguments)  # type: ignore[arg-type]
        finally:
            spent.append(time.process_time() - began)

    with patch.object(clipping, "verify_clip", timed):
        yield spent


def _video(path: Path, workdir: Path) -> SourceVideo:
    return SourceVideo("benchmark", str(path), path, workdir)


def _index(path: Path) -> FrameIndex:
    import numpy as np

    from curation.video.fingerprint import fingerprint

    with open_video(path) as (container, stream):
        assert stream.time_base is not None
        frames = [(frame.pts, frame.duration, fingerprint(frame)) for frame in decode_frames(container, stream)]
        end_pts = (frames[-1][0] or 0) + max(1, frames[-1][1])
        pts = np.array([pts for pts, _, _ in frames], np.int64)
        return FrameIndex(pts, end_pts, stream.time_base, np.array([print_ for _, _, print_ in frames]))


def _decode(path: Path) -> None:
    with open_video(path) as (container, stream):
        for _ in decode_frames(container, stream):
            pass


def _seconds(action: Callable[[], object]) -> float:
    began = time.process_time()
    action()
    return time.process_time() - began


if __name__ == "__main__":
    main()
