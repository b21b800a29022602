"""(e) The pipeline with 2 workers on 200 short videos, against two plain processes looping over the same stages.

Start-up is left out of both: the rate is taken between the first and the last video that finished.

    python -m benchmarks.throughput [--videos 200]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

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
    arguments.add_argument("--repeat", type=int, default=3)
    wanted = arguments.parse_args()
    ratios = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = folder / "pipelines.yaml"
        config.write_text(CONFIG)
        videos = short_videos(folder / "videos", wanted.videos)
        for _ in range(wanted.repeat):
            plain, ray = _plain(videos, config, folder / "plain"), _pipeline(folder / "videos", config, folder / "ray")
            ratios.append(ray / plain)
            print(
                f"plain processes {plain:.2f} videos/s, pipeline {ray:.2f} videos/s, ratio {ray / plain:.2f}",
                flush=True,
            )
    print(f"median ratio {sorted(ratios)[len(ratios) // 2]:.2f} over {len(ratios)} pairs, {wanted.videos} videos")


def _plain(videos: list[Path], config: Path, output: Path) -> float:
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        finished = [
            moment
            for moments in pool.starmap(_loop, [(videos[half::2], config, output / str(half)) for half in range(2)])
            for moment in moments
        ]
    shutil.rmtree(output)
    return _rate(finished, max(finished))


def _loop(videos: list[Path], config: Path, output: Path) -> list[float]:
    """One plain process: every stage of the pipeline on one video after the other, clips and values kept."""
    output.mkdir(parents=True)
    stages = stages_of(resolve_pipeline(load_config(config), "throughput", [*SETTINGS]))
    splitters = [spec.build() for spec in stages.splitters]
    flow = stages.annotators[0].build()
    assert isinstance(flow, Annotator)
    for stage in (*splitters, flow):
        stage.setup()
    finished = []
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
        finished.append(time.time())
    return finished


def _sample(clip: WrittenClip) -> ClipSample:
    values = {"num_frames": clip.num_frames, "fps": clip.fps}
    return ClipSample(str(clip.clip_index), {}, clip.frames["optical_flow"], values)


def _pipeline(videos: Path, config: Path, output: Path) -> float:
    log = output.with_suffix(".jsonl")
    program = Path(sys.executable).parent / "curation"
    overrides = [part for setting in SETTINGS for part in ("--set", setting)]
    command = [program, "run", videos, "-o", output, "--config", config, "-p", "throughput", *overrides]
    subprocess.run([*map(str, command), "--quiet", "--log", str(log)], check=True)
    events = [json.loads(line) for line in log.read_text().splitlines()]
    shutil.rmtree(output)
    log.unlink()
    split = [event["time"] for event in events if event["event"] == "video"]
    return _rate(split, max(event["time"] for event in events if event["event"] in ("video", "annotations")))


def _rate(finished: list[float], end: float) -> float:
    """Videos per second from the moment at which the first was finished to ``end``."""
    first = min(finished)
    return sum(moment > first for moment in finished) / (end - first)


if __name__ == "__main__":
    main()
