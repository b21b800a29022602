"""(e) The pipeline with 2 workers on 200 short videos, against two plain processes looping over the same stages.

Start-up is left out of both: the first tenth of the videos warms up, the rates are taken of all others. Both ways keep
all cores busy, so that the ratio of CPU seconds per video (of the whole machine, Linux) is that of the rates, less the
noise of a shared machine: nothing else may run beside it.

    python -m benchmarks.throughput [--videos 200] [--seconds 10] [--repeat 3]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.material import short_videos
from curation.config import load_config, resolve_pipeline
from curation.engine.pipeline import stages_of
from curation.stage import Annotator, ClipSample, Splitter
from curation.video.probe import probe
from curation.video.types import SourceVideo, WrittenClip

SETTINGS = ("clipping.run.concurrency=2", "cut_detection.run.concurrency=2", "clipping.min_seconds=0.5")
CONFIG = """
pipelines:
  throughput:
    extends: quickstart
    stages:
      - text_detection: null
"""


def main() -> None:
    """Print both rates and their ratio."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--videos", type=int, default=200)
    arguments.add_argument("--seconds", type=int, default=10, help="length of a video")
    arguments.add_argument("--repeat", type=int, default=3)
    wanted = arguments.parse_args()
    by_clock, by_cpu = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = folder / "pipelines.yaml"
        config.write_text(CONFIG)
        videos = short_videos(folder / "videos", wanted.videos, wanted.seconds)
        for _ in range(wanted.repeat):
            plain = _plain(videos, config, folder / "plain")
            ray = _pipeline(folder / "videos", config, folder / "ray")
            by_clock.append(plain.wall_s / ray.wall_s)
            by_cpu.append(plain.cpu_s / ray.cpu_s)
            print(f"per video: plain processes {plain}, pipeline {ray}", flush=True)
            print(f"pipeline runs at {by_clock[-1]:.2f} of plain by the clock, {by_cpu[-1]:.2f} by CPU", flush=True)
    print(
        f"medians of {wanted.repeat} pairs, {wanted.videos} videos of {wanted.seconds} s: "
        f"{median(by_clock):.2f} by the clock, {median(by_cpu):.2f} by CPU"
    )


@dataclass(frozen=True)
class Rate:
    """Seconds per video, behind the first tenth."""

    wall_s: float
    cpu_s: float

    def __str__(self) -> str:
        return f"{self.wall_s:.3f} s ({self.cpu_s:.3f} CPU s)"


@contextmanager
def _metered(count_done: Callable[[], int], videos: int) -> Iterator[list[Rate]]:
    """Looks all the time how many videos are done; the list has the `Rate` at the end."""
    samples: list[tuple[int, float, float]] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.2):
            samples.append((count_done(), time.monotonic(), _busy_seconds()))

    thread = threading.Thread(target=look)
    thread.start()
    result: list[Rate] = []
    try:
        yield result
    finally:
        ended.set()
        thread.join()
    warm = next(sample for sample in samples if sample[0] >= videos // 10)
    last = next((sample for sample in samples if sample[0] >= videos - 1), samples[-1])
    count = last[0] - warm[0]
    result.append(Rate((last[1] - warm[1]) / count, (last[2] - warm[2]) / count))


def _busy_seconds() -> float:
    """CPU seconds that the whole machine has worked: all but idle, waiting for the disk, and what other guests took."""
    user, nice, system, _, _, irq, softirq, *_ = (int(part) for part in Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def _plain(videos: list[Path], config: Path, output: Path) -> Rate:
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool, _metered(lambda: len(list(output.glob("*/*.json"))), len(videos)) as rate:
        pool.starmap(_loop, [(videos[half::2], config, output / str(half)) for half in range(2)])
    shutil.rmtree(output)
    return rate[0]


def _loop(videos: list[Path], config: Path, output: Path) -> None:
    """One plain process: every stage of the pipeline on one video after the other, clips and values kept."""
    output.mkdir(parents=True)
    stages = stages_of(resolve_pipeline(load_config(config), "throughput", [*SETTINGS]))
    splitters = [spec.build() for spec in stages.splitters]
    flow = stages.annotators[0].build()
    assert isinstance(flow, Annotator)
    for stage in (*splitters, flow):
        stage.setup()
    for path in videos:
        with tempfile.TemporaryDirectory() as work:
            video = SourceVideo(path.stem, str(path), path, Path(work), info=probe(path))
            video.frame_requests = {"optical_flow": flow.frames()}
            clips = []
            for splitter in splitters:
                assert isinstance(splitter, Splitter)
                for clip in splitter.split(video):
                    shutil.copy(clip.path, output / f"{path.stem}-{clip.clip_index}.mp4")
                    clips.append(clip)
            values = flow.annotate([_sample(clip) for clip in clips])
            (output / f"{path.stem}.json").write_text(json.dumps(values))


def _sample(clip: WrittenClip) -> ClipSample:
    values = {"num_frames": clip.num_frames, "fps": clip.fps}
    return ClipSample(str(clip.clip_index), {}, clip.frames["optical_flow"], values)


def _pipeline(videos: Path, config: Path, output: Path) -> Rate:
    log = output.with_suffix(".jsonl")
    program = Path(sys.executable).parent / "curation"
    overrides = [part for setting in SETTINGS for part in ("--set", setting)]
    command = [program, "run", videos, "-o", output, "--config", config, "-p", "throughput", *overrides]

    def count_done() -> int:
        """Videos of which all clips are annotated, as far as counts tell."""
        events = [json.loads(line) for line in log.read_text().splitlines(keepends=True) if line.endswith("\n")]
        split = [event["clips"] for event in events if event["event"] == "video"]
        annotated = sum(event["clips"] for event in events if event["event"] == "annotations")
        return len(split) * annotated // max(1, sum(split))

    log.touch()
    with _metered(count_done, len(list(videos.iterdir()))) as rate:
        subprocess.run([*map(str, command), "--quiet", "--log", str(log)], check=True)
    shutil.rmtree(output)
    log.unlink()
    return rate[0]


if __name__ == "__main__":
    main()
