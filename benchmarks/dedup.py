"""Near-duplicates among synthetic embeddings: the index of `dedup` against comparing all (faiss.IndexFlatIP).

    python -m benchmarks.dedup [--clips 200000] [--dimension 512] [--by clip_embedding] [--only index]

The embeddings are those of scenes of films, twenty clips each, about as near to each other as those of CLIP. A twelfth
are copies, at a cosine between the threshold and 1. Picture hashes are random bits, copies have up to the allowed share
of them changed. Both ways read the same Parquet files, in a process of its own each.
Recall: of the duplicates that comparing all finds, the share that the index finds, and with the same clip kept.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.material import CACHE
from benchmarks.measure import BYTES_PER_RSS_UNIT, run

PART_ROWS = 20_000
LEAST = {"clip_embedding": 0.95, "perceptual_hash": 0.9}
WAYS = ("index", "comparing all")


def main() -> None:
    """Print one row per way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=200_000)
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--by", choices=LEAST, default="clip_embedding")
    parser.add_argument("--only", choices=WAYS, help="one of the two ways")
    parser.add_argument("--worker", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--dataset", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(dedup(options.dataset, options.by, options.worker)))
        return
    dataset = synthetic(options.clips, options.dimension, options.by)
    size = sum(path.stat().st_size for path in dataset.rglob("*.parquet") if path.parent.name == "scores")
    print(f"{options.clips} clips, {size / 2**20:.0f} MiB of {options.by} on disk\n")
    print("| way | duplicates | seconds | CPU s | peak MiB | of which before |\n| --- | --- | --- | --- | --- | --- |")
    for way in [options.only] if options.only else WAYS:
        command = [
            sys.executable,
            "-m",
            "benchmarks.dedup",
            "--worker",
            way,
            "--dataset",
            str(dataset),
            "--by",
            options.by,
        ]
        usage = run(command)
        facts = json.loads(usage.output.splitlines()[-1])
        print(
            f"| {way} | {facts['duplicates']} | {facts['wall_s']:.0f} | {facts['cpu_s']:.0f} "
            f"| {usage.peak_bytes / 2**20:.0f} | {facts['before_bytes'] / 2**20:.0f} |",
            flush=True,
        )
    if not options.only:
        found, all_of_them = (kept_by(dataset, way) for way in WAYS)
        same = sum(found[clip] == keeper for clip, keeper in all_of_them.items())
        recall = sum(found[clip] is not None for clip in all_of_them)
        others = sum(keeper is not None for clip, keeper in found.items() if clip not in all_of_them)
        print(
            f"\nrecall {recall / len(all_of_them):.5f}, the same clip kept {same / len(all_of_them):.5f}, "
            f"{others} that comparing all does not find"
        )


def dedup(dataset: Path, by: str, way: str) -> dict[str, float]:
    """Run the stage over the dataset; its table is kept in ``dataset``."""
    from curation.dataset.clip_columns import ClipColumns, ColumnSource
    from curation.dataset.storage import Storage
    from stages.dedup import Dedup

    exact_up_to = sys.maxsize if way == "comparing all" else 50_000
    config = Dedup.settled(Dedup.Config(exact_up_to=exact_up_to), [by])
    stage = Dedup(config, num_cpus=2)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * BYTES_PER_RSS_UNIT
    began, cpu_began = time.monotonic(), time.process_time()
    sources = {name: ColumnSource("clips") for name in stage.inputs()} | {by: ColumnSource("annotations/scores")}
    tables = list(stage.annotate_all(ClipColumns(Storage(str(dataset)), sources)))
    wall_s, cpu_s = time.monotonic() - began, time.process_time() - cpu_began
    table = pa.concat_tables(tables)
    pq.write_table(table, dataset / f"{way}.parquet")
    duplicates = len(table) - table["duplicate_of"].null_count
    return {"duplicates": duplicates, "wall_s": wall_s, "cpu_s": cpu_s, "before_bytes": before}


def kept_by(dataset: Path, way: str) -> dict[str, str | None]:
    """Which clip is kept in the place of each; when comparing all, only those in whose place another is."""
    rows = pq.read_table(dataset / f"{way}.parquet", columns=["clip_id", "duplicate_of"]).to_pylist()
    return {row["clip_id"]: row["duplicate_of"] for row in rows if way == "index" or row["duplicate_of"]}


def synthetic(clips: int, dimension: int, by: str) -> Path:
    """A dataset of tables alone, kept in `CACHE`."""
    folder = CACHE / f"{by}-{clips}-{dimension}"
    if (folder / "complete").exists():
        return folder
    (folder / "clips").mkdir(parents=True, exist_ok=True)
    (folder / "annotations/scores").mkdir(parents=True, exist_ok=True)
    blocks = embeddings(clips, dimension, LEAST[by]) if by == "clip_embedding" else hashes(clips, LEAST[by])
    first = 0
    for number, values in enumerate(blocks):
        ids = [f"{(first + place) * 0x9E3779B97F4A7C15 % 2**128:032x}" for place in range(len(values))]
        first += len(values)
        zeros = np.zeros(len(values))
        facts = {"width": zeros + 640, "height": zeros + 360, "start_s": zeros, "end_s": zeros + 4, "bytes": zeros + 1}
        pq.write_table(pa.table({"clip_id": ids, **facts}), folder / f"clips/{number:06d}.parquet")
        pq.write_table(pa.table({"clip_id": ids, by: values}), folder / f"annotations/scores/{number:06d}.parquet")
    (folder / "complete").touch()
    return folder


def embeddings(clips: int, dimension: int, least: float) -> Iterator[pa.Array]:
    """Lists of float32: eleven of twelve are of scenes, each twelfth is a copy of one of the same block."""
    chance = np.random.default_rng(1)
    weights = (1 + np.arange(dimension)) ** -0.3  # some directions tell more than others
    common = chance.normal(size=dimension) * weights
    scenes = (chance.normal(size=(max(1, clips // 20), dimension)) * weights).astype(np.float32)
    for start in range(0, clips, PART_ROWS):
        rows = min(PART_ROWS, clips - start)
        own = chance.normal(size=(rows, dimension)) * weights
        vectors = 1.2 * common + scenes[chance.integers(0, len(scenes), rows)] + 0.7 * own
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        copies = np.arange(11, rows, 12)
        originals = copies - chance.integers(1, 12, len(copies))
        noise = chance.normal(size=(len(copies), dimension)) * weights
        noise -= (noise * vectors[originals]).sum(axis=1, keepdims=True) * vectors[originals]
        noise /= np.linalg.norm(noise, axis=1, keepdims=True)
        cosine = chance.uniform(least, 1, (len(copies), 1))
        vectors[copies] = cosine * vectors[originals] + np.sqrt(1 - cosine**2) * noise
        flat = pa.array(vectors.astype(np.float32).reshape(-1))
        yield pa.ListArray.from_arrays(pa.array(np.arange(rows + 1, dtype=np.int32) * dimension), flat)


def hashes(clips: int, least: float) -> Iterator[pa.Array]:
    """Texts as `perceptual_hash` writes them; each twelfth is a copy with some bits changed."""
    from stages.duplicates.picture_hash import BITS, to_text

    chance = np.random.default_rng(1)
    for start in range(0, clips, PART_ROWS):
        rows = min(PART_ROWS, clips - start)
        bits = chance.random((rows, 3 * BITS)) < 0.5
        copies = np.arange(11, rows, 12)
        changed = chance.random((len(copies), 3 * BITS)) < chance.uniform(0, 1 - least, (len(copies), 1))
        bits[copies] = bits[copies - chance.integers(1, 12, len(copies))] ^ changed
        yield pa.array([to_text(row) for row in bits])


if __name__ == "__main__":
    main()
