"""(g) Packing against a plain loop over `webdataset.TarWriter`, and how it grows with workers.

    python -m benchmarks.pack [--clips 500] [--megabytes 2] [--shards 8] [--repeat 5] [--transcode 40]

Both read the same clips and make the same key.json and key.txt of their rows. Packing also verifies every clip by its
hash, hashes every shard, and writes index and manifest. With workers it runs on a Ray session that is there already;
what starting one takes is told apart. ``--transcode``: so many clips of 5 s of 720p are packed at short side 256.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import count, islice
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow as pa

import curation
from benchmarks.material import short_videos
from curation.config import load_config, resolve_pipeline
from curation.dataset import journal
from curation.dataset.description import describe
from curation.dataset.schema import annotation_schema
from curation.dataset.storage import Storage
from curation.engine.cluster import ray_session
from curation.engine.rows import clip_row, clip_table, video_row, video_table
from curation.engine.work import VideoItem
from curation.filters.apply import apply_filter
from curation.filters.load import filter_of
from curation.filters.selection import read_selection, write_selection
from curation.filters.table import ClipTable
from curation.shards import execution
from curation.shards.pack import Packer, PackSettings
from curation.shards.size import ShardSize
from curation.shards.transcode import Transcode
from curation.video.types import SourceVideo, WrittenClip

CLIPS_PER_VIDEO = 10
CAPTIONS = annotation_schema("captions", {"caption_coca": pa.string(), "motion_score": pa.float32()})


@dataclass(frozen=True)
class Cost:
    """Seconds by the clock, and of this process's CPU."""

    wall_s: float
    cpu_s: float


def main() -> None:
    """Print one row per way of packing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=500)
    parser.add_argument("--megabytes", type=float, default=2, help="size of a clip")
    parser.add_argument("--shards", type=int, default=8)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--transcode", type=int, default=0, help="clips to transcode; 0: none")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rng = np.random.default_rng(0)
        clip_bytes = int(options.megabytes * 1e6)
        storage = dataset(folder / "dataset", (rng.bytes(clip_bytes) for _ in range(options.clips)))
        total = clip_bytes * options.clips
        size = ShardSize(samples=-(-options.clips // options.shards))
        print(f"{options.clips} clips of {options.megabytes:g} MB into {options.shards} shards, medians\n")
        print("| | MB/s | CPU s per GB | against the loop |\n| --- | --- | --- | --- |")
        ways: dict[str, Callable[[], object]] = {
            "`webdataset.TarWriter` loop": lambda: plain(storage, folder / "out", size),
            "`curation pack --workers 1`": lambda: pack(storage, folder / "out", size, 1),
        }
        compare(ways, folder / "out", total, options.repeat)
        began = time.monotonic()
        execution.RAY_BYTES = 0  # however little there is to do
        with ray_session(None):
            print(f"\nStarting Ray: {time.monotonic() - began:.1f} s. On it:\n\n| workers | MB/s | against one |")
            print("| --- | --- | --- |")
            grow(lambda workers: pack(storage, folder / "out", size, workers), folder, total, options)
            if options.transcode:
                print("\nTranscoding, seconds of video per second:\n\n| workers | × real time | against one |")
                print("| --- | --- | --- |")
                videos = short_videos(folder / "videos", 1, 5)
                real = dataset(folder / "real", [videos[0].read_bytes()] * options.transcode)
                size = ShardSize(samples=-(-options.transcode // options.shards))
                small = Transcode(short_side=256)
                grow(lambda n: pack(real, folder / "out", size, n, small), folder, 5e6 * options.transcode, options)


def compare(ways: dict[str, Callable[[], object]], output: Path, num_bytes: int, repeat: int) -> None:
    """Take turns, and print each way's medians and its rate as a share of the first one's."""
    costs: dict[str, list[Cost]] = {name: [] for name in ways}
    for turn in range(repeat + 1):
        for name, way in ways.items():
            cost = measured(way, output)
            if turn:  # the first one warms up
                costs[name].append(cost)
    first = None
    for name, found in costs.items():
        wall = median(cost.wall_s for cost in found)
        cpu = median(cost.cpu_s for cost in found)
        first = first or wall
        print(f"| {name} | {num_bytes / 1e6 / wall:.0f} | {cpu / num_bytes * 1e9:.2f} | {first / wall:.2f} |")


def grow(way: Callable[[int], object], folder: Path, amount: float, options: argparse.Namespace) -> None:
    """Print the rate of this process, and that of two tasks of Ray."""
    walls: dict[int, list[float]] = {1: [], 2: []}
    for turn in range(options.repeat + 1):
        for workers, found in walls.items():
            cost = measured(lambda workers=workers: way(workers), folder / "out")
            if turn:
                found.append(cost.wall_s)
    for workers, found in walls.items():
        print(f"| {workers} | {amount / 1e6 / median(found):.1f} | {median(walls[1]) / median(found):.2f} |")


def measured(way: Callable[[], object], output: Path) -> Cost:
    """Run it once into an empty folder."""
    shutil.rmtree(output, ignore_errors=True)
    os.sync()
    wall, cpu = time.monotonic(), time.process_time()
    way()
    return Cost(time.monotonic() - wall, time.process_time() - cpu)


def plain(storage: Storage, output: Path, size: ShardSize) -> None:
    """What one would write by hand."""
    from webdataset import TarWriter

    output.mkdir()
    rows = curation.Dataset(storage.root).clips().to_pylist()
    for start in range(0, len(rows), size.samples or 1):
        with TarWriter(str(output / f"{start:06d}.tar"), encoder=False) as tar:
            for row in rows[start : start + (size.samples or 1)]:
                data = Path(storage.path(row["media"])).read_bytes()
                text = json.dumps(row).encode()
                tar.write({"__key__": row["clip_id"], "mp4": data, "json": text, "txt": row["caption_coca"].encode()})


def pack(storage: Storage, output: Path, size: ShardSize, workers: int, transcode: Transcode | None = None) -> None:
    """One worker is this process; two are tasks of Ray."""
    wanted = PackSettings(size, transcode=transcode)
    Packer(storage, Storage(str(output)), read_selection(storage, "all"), wanted).pack(workers=workers)


def dataset(folder: Path, media: Iterable[bytes]) -> Storage:
    """A dataset with these files as its clips, each with a caption and a score."""
    storage = Storage(str(folder))
    folder.mkdir()
    scratch, clip_ids = folder / "scratch.mp4", []
    waiting = iter(media)
    for number in count():
        of_video = list(islice(waiting, CLIPS_PER_VIDEO))
        if not of_video:
            break
        video = SourceVideo(f"{number:032x}", f"/v/{number}.mp4", scratch, folder)
        rows = []
        for index, data in enumerate(of_video):
            scratch.write_bytes(data)
            at = 1000 * index
            clip = WrittenClip(
                index, scratch, at, at + 120, Fraction(1, 24), 120, 24.0, 1280, 720, False, True, "copy", 0.0
            )
            rows.append(clip_row(video, clip))
            storage.put_file(scratch, rows[-1]["media"])
        told = video_row(VideoItem(video.video_id, video.source, {}, 0, []), num_clips=len(rows))
        journal.record_video(storage, video_table(told), clip_table(rows), "0" * 16)
        clip_ids += [row["clip_id"] for row in rows]
    notes = [{"clip_id": i, "caption_coca": f"a caption of some length {i}", "motion_score": 1.0} for i in clip_ids]
    journal.record_annotations(storage, "captions", pa.Table.from_pylist(notes, schema=CAPTIONS), "1" * 16)
    journal.fold(storage, workers_gone=True)
    describe(storage, resolve_pipeline(load_config(None), "quickstart", []).to_dict())
    applied = apply_filter(ClipTable.open(storage), filter_of("all", {"rules": []}))
    write_selection(storage, applied.verdicts, applied.table)
    return storage


if __name__ == "__main__":
    main()
