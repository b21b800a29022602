"""The side of `benchmarks.flow` that runs where py-data-juicer is installed; imports nothing of this project."""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time

import cv2
from data_juicer.ops.filter.video_motion_score_filter import VideoMotionScoreFilter
from data_juicer.utils.constant import Fields, StatsKeys


def main() -> None:
    """Print the score, the CPU seconds that it took, and the peak memory before, as one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--clip", required=True)
    parser.add_argument("--short-side", type=int, required=True)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    motion = VideoMotionScoreFilter(sampling_fps=2, size=options.short_side)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    started = time.process_time()
    sample = motion.compute_stats_single({motion.video_key: [options.clip], Fields.stats: {}, Fields.meta: {}})
    spent = time.process_time() - started
    score = float(sample[Fields.stats][StatsKeys.video_motion_score][0])
    print(json.dumps({"score": score, "cpu_s": spent, "before_bytes": before}))


if __name__ == "__main__":
    main()
