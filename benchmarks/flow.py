"""(d) Optical flow of one clip against data-juicer's video_motion_score_filter, at the same rate and sizes.

    python -m venv data-juicer && data-juicer/bin/pip install py-data-juicer opencv-python-headless aiohttp
    python -m benchmarks.flow --data-juicer data-juicer/bin/python [--clip FILE] [--repeat 3]

Each measurement is a process of its own. CPU seconds are those of reading the clip and computing the score, start-up
excluded; peak memory is that of the whole process, beside what it held before the clip was opened. A third row is a
plain loop around OpenCV, the least that such a filter needs. data-juicer keeps every flow map as a list of Python
numbers: for a clip of a minute at short side 720 it takes more than 7 GB.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.material import TRAILER
from benchmarks.measure import BYTES_PER_RSS_UNIT, run

DATA_JUICER_WORKER = Path(__file__).with_name("flow_data_juicer.py")
SHORT_SIDES = (64, 128, 256)
FPS = 2.0


def main() -> None:
    """Print a table of medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", type=Path, default=TRAILER)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--data-juicer", metavar="PYTHON", help="interpreter that has py-data-juicer")
    parser.add_argument("--short-side", type=int, action="append", help=f"default: {SHORT_SIDES}")
    parser.add_argument("--worker", choices=WORKERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(WORKERS[options.worker](options.clip, options.short_side[0])))
        return
    ours = [sys.executable, "-m", "benchmarks.flow", "--worker", "curation"]
    loop = [sys.executable, "-m", "benchmarks.flow", "--worker", "opencv"]
    contestants = {"curation": ours, "plain OpenCV loop": loop}
    if options.data_juicer:
        contestants["data-juicer"] = [options.data_juicer, str(DATA_JUICER_WORKER)]
    print("| short side | what | CPU s | peak MiB | of which before | score |\n| --- | --- | --- | --- | --- | --- |")
    for short_side in options.short_side or SHORT_SIDES:
        for label, command in contestants.items():
            arguments = [*command, "--clip", str(options.clip), "--short-side", str(short_side)]
            print(_row(short_side, label, arguments, options.repeat), flush=True)


def _row(short_side: int, label: str, command: list[str], repeat: int) -> str:
    usages = [run(command) for _ in range(repeat)]
    facts = [json.loads(usage.output.splitlines()[-1]) for usage in usages]
    cpu_s = median(fact["cpu_s"] for fact in facts)
    peak = median(usage.peak_bytes for usage in usages) / 2**20
    before = median(fact["before_bytes"] for fact in facts) / 2**20
    return f"| {short_side} | {label} | {cpu_s:.2f} | {peak:.0f} | {before:.0f} | {facts[0]['score']:.3f} |"


def _curation(clip: Path, short_side: int) -> dict[str, Any]:
    import cv2

    from curation.stage import ClipSample
    from curation.video.clip_frames import decode_clip
    from curation.video.probe import probe
    from stages.optical_flow import OpticalFlow

    stage = OpticalFlow(OpticalFlow.Config(fps=FPS, short_side=short_side))
    stage.setup()
    cv2.setNumThreads(1)
    before, started = _peak_bytes(), time.process_time()
    info = probe(clip)
    frames = decode_clip(clip, {stage.name: stage.frames()})[stage.name]
    sample = ClipSample(clip.stem, {}, frames, {"num_frames": info.num_frames, "fps": info.fps})
    score = stage.annotate([sample])[0]["motion_score"]
    return {"score": score, "cpu_s": time.process_time() - started, "before_bytes": before}


def _opencv(clip: Path, short_side: int) -> dict[str, Any]:
    import cv2
    import numpy as np

    cv2.setNumThreads(1)
    before, started = _peak_bytes(), time.process_time()
    capture = cv2.VideoCapture(str(clip))
    step = max(1, round(capture.get(cv2.CAP_PROP_FPS) / FPS))
    magnitudes, previous, number = [], None, 0
    while True:
        there, frame = capture.read()
        if not there:
            break
        if number % step == 0:
            grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
            scale = short_side / min(grey.shape)
            grey = cv2.resize(grey, (round(grey.shape[1] * scale), round(grey.shape[0] * scale)))
            if previous is not None:
                flow = cv2.calcOpticalFlowFarneback(previous, grey, None, 0.5, 3, 15, 3, 5, 1.2, 0)
                magnitudes.append(float(np.mean(cv2.cartToPolar(flow[..., 0], flow[..., 1])[0])))
            previous = grey
        number += 1
    capture.release()
    score = sum(magnitudes) / max(1, len(magnitudes))
    return {"score": score, "cpu_s": time.process_time() - started, "before_bytes": before}


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * BYTES_PER_RSS_UNIT


WORKERS = {"curation": _curation, "opencv": _opencv}

if __name__ == "__main__":
    main()
