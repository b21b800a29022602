"""(f) Peak memory of the splitters on a long 1080p film: cut detection and clipping of one file in one process.

    python -m benchmarks.memory [--minutes 10 --minutes 120] [--mode copy]

The film is the sample trailer, encoded once at 1080p (H.264 with B-frames, keyframes every 250 frames at most) and
repeated by copying its packets. Each clip is deleted as soon as the splitter yields it, as the engine does once it is
published. Ten minutes take about 100 s of CPU.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import av

from benchmarks.material import CACHE, TRAILER, repeat
from benchmarks.measure import run

MEGABYTE = 2**20


def main() -> None:
    """Print one row per length."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, action="append", help="length of the film; default: 10 and 120")
    parser.add_argument("--mode", default="copy", help="mode of clipping")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(split(options.worker, options.mode)))
        return
    print(
        "| film, minutes | file, MB | transitions | clips | CPU s | peak MiB |\n| --- | --- | --- | --- | --- | --- |"
    )
    for minutes in options.minutes or (10, 120):
        path = film(minutes)
        usage = run([sys.executable, "-m", "benchmarks.memory", "--worker", str(path), "--mode", options.mode])
        facts = json.loads(usage.output.splitlines()[-1])
        print(
            f"| {minutes:g} | {path.stat().st_size / MEGABYTE:.0f} | {facts['transitions']} | {facts['clips']} "
            f"| {usage.cpu_s:.0f} | {usage.peak_bytes / MEGABYTE:.0f} |",
            flush=True,
        )


def split(path: Path, mode: str) -> dict[str, int]:
    """Run both splitters with their defaults on one file, clips deleted as they come; counts of what they found."""
    from curation.video.probe import probe
    from curation.video.types import SourceVideo
    from stages.clipping import Clipping
    from stages.cut_detection import CutDetection

    cuts, clipping = CutDetection(CutDetection.Config()), Clipping(Clipping.Config(mode=mode))
    cuts.setup()
    clipping.setup()
    with tempfile.TemporaryDirectory() as folder:
        video = SourceVideo("film", str(path), path, Path(folder), info=probe(path))
        list(cuts.split(video))
        clips = 0
        for clip in clipping.split(video):
            clip.path.unlink()
            clips += 1
    return {"transitions": len(video.transitions), "clips": clips}


def film(minutes: float) -> Path:
    """The trailer at 1080p, repeated until it lasts ``minutes``; kept in `CACHE`."""
    path = CACHE / f"film-{minutes:g}-minutes.mp4"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        reel = _reel()
        with av.open(str(reel)) as container:
            seconds = Fraction(container.duration or 0, av.time_base)
        unfinished = path.with_name(f"unfinished-{path.name}")
        repeat(reel, unfinished, max(1, round(60 * minutes / seconds)))
        unfinished.replace(path)
    return path


def _reel() -> Path:
    path = CACHE / "trailer-1080p.mp4"
    if path.exists():
        return path
    unfinished = path.with_name(f"unfinished-{path.name}")
    with av.open(str(TRAILER)) as source, av.open(str(unfinished), "w") as target:
        stream = source.streams.video[0]
        options = {"preset": "veryfast", "tune": "fastdecode"}
        copy = target.add_stream("libx264", rate=stream.average_rate, options=options)
        copy.width, copy.height, copy.pix_fmt, copy.gop_size = 1920, 1080, "yuv420p", 250
        for number, frame in enumerate(source.decode(stream)):
            picture = frame.reformat(1920, 1080, "yuv420p")
            picture.pict_type = av.video.frame.PictureType.NONE
            picture.pts, picture.time_base = number, 1 / Fraction(stream.average_rate)
            target.mux(copy.encode(picture))
        target.mux(copy.encode(None))
    unfinished.replace(path)
    return path


if __name__ == "__main__":
    main()
